//! Types and traits generated from `wit/`: the host's side once, and one binding per world for what it exports.

/// What the host offers, in one place so that every world shares the same Rust types.
pub mod offered {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package fitment:host;
            world everything {
                import fitment:accessory/types@0.1.1;
                import fitment:accessory/run-context@0.1.1;
                import fitment:accessory/logging@0.1.1;
                import fitment:accessory/clock@0.1.1;
                import fitment:accessory/device@0.1.1;
                import fitment:accessory/metrics@0.1.1;
                import fitment:accessory/processes@0.1.1;
                import fitment:accessory/logs@0.1.1;
                import fitment:accessory/http@0.1.1;
                import fitment:accessory/services@0.1.1;
                import fitment:accessory/services-control@0.1.1;
                import fitment:accessory/files@0.1.1;
                import fitment:accessory/files-write@0.1.1;
                import fitment:accessory/exec@0.1.1;
                import fitment:accessory/packages@0.1.1;
                import fitment:accessory/net@0.1.1;
                import fitment:accessory/state@0.1.1;
                import fitment:accessory/script-host@0.1.1;
                import fitment:accessory/ticketing-types@0.1.1;
            }
        ",
        imports: {
            "fitment:accessory/http.send": async | trappable,
            "fitment:accessory/metrics.read-cpu": async | trappable,
            "fitment:accessory/metrics.read-filesystems": async | trappable,
            "fitment:accessory/processes.list-processes": async | trappable,
            "fitment:accessory/logs.read": async | trappable,
            "fitment:accessory/exec.run": async | trappable,
            "fitment:accessory/services.list-services": async | trappable,
            "fitment:accessory/services.get-service": async | trappable,
            "fitment:accessory/services-control.control": async | trappable,
            "fitment:accessory/files.stat": async | trappable,
            "fitment:accessory/files.list-directory": async | trappable,
            "fitment:accessory/files.read": async | trappable,
            "fitment:accessory/files-write.write": async | trappable,
            "fitment:accessory/files-write.remove": async | trappable,
            "fitment:accessory/packages.list-pending": async | trappable,
            "fitment:accessory/packages.refreshed-ms": async | trappable,
            "fitment:accessory/packages.reboot-required": async | trappable,
            "fitment:accessory/net.tcp": async | trappable,
            "fitment:accessory/net.tls": async | trappable,
            "fitment:accessory/net.dns": async | trappable,
            "fitment:accessory/net.ping": async | trappable,
            default: trappable,
        },
    });
    pub use fitment::accessory::*;
}

/// The world `monitor`.
pub mod monitor {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fitment:accessory/monitor",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}

/// The world `probe`.
pub mod probe {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fitment:accessory/probe",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}

/// The world `script`.
pub mod script {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fitment:accessory/script",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}

/// The world `ticketing-connector`.
pub mod connector {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fitment:accessory/ticketing-connector",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}

/// What the world `ticketing-connector-sync` has beyond `ticketing-connector`.
pub mod connector_sync {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package fitment:host;
            world syncing { export fitment:accessory/ticketing-sync@0.1.1; }
        ",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}
