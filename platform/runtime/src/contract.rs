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
                import fitment:accessory/http@0.1.1;
                import fitment:accessory/services@0.1.1;
                import fitment:accessory/services-control@0.1.1;
                import fitment:accessory/files@0.1.1;
                import fitment:accessory/files-write@0.1.1;
                import fitment:accessory/packages@0.1.1;
                import fitment:accessory/net@0.1.1;
                import fitment:accessory/state@0.1.1;
                import fitment:accessory/script-host@0.1.1;
                import fitment:accessory/ticketing-types@0.1.1;
            }
        ",
        imports: {
            "fitment:accessory/http.send": async | trappable,
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

/// The world `ticketing-connector`.
pub mod connector {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "fitment:accessory/ticketing-connector",
        exports: { default: async },
        with: { "fitment:accessory": crate::contract::offered::fitment::accessory },
    });
}
