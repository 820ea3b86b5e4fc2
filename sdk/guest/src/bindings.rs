//! What `wit-bindgen` makes of the contract in `wit/`, one module per world.
//!
//! Each world's exports are described only where `export!` is used, and imports that no code calls are dropped when the
//! component is made, so an accessory ends up with its own world and with nothing of the others.

/// The world of monitors, and the words that every world shares.
pub mod monitor {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "monitor",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_monitor",
        generate_all,
    });
}

/// The world of ticketing connectors; shared interfaces are those of [`monitor`], so that there is one `Fault`.
pub mod ticketing_connector {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "ticketing-connector",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_ticketing_connector",
        with: {
            "fitment:accessory/types@0.1.1": crate::bindings::monitor::fitment::accessory::types,
            "fitment:accessory/run-context@0.1.1": crate::bindings::monitor::fitment::accessory::run_context,
            "fitment:accessory/logging@0.1.1": crate::bindings::monitor::fitment::accessory::logging,
            "fitment:accessory/http@0.1.1": crate::bindings::monitor::fitment::accessory::http,
            "fitment:accessory/clock@0.1.1": crate::bindings::monitor::fitment::accessory::clock,
        },
        generate_all,
    });
}

/// The world of probes; shared interfaces are those of [`monitor`].
pub mod probe {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "probe",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_probe",
        with: {
            "fitment:accessory/types@0.1.1": crate::bindings::monitor::fitment::accessory::types,
            "fitment:accessory/run-context@0.1.1": crate::bindings::monitor::fitment::accessory::run_context,
            "fitment:accessory/logging@0.1.1": crate::bindings::monitor::fitment::accessory::logging,
            "fitment:accessory/clock@0.1.1": crate::bindings::monitor::fitment::accessory::clock,
            "fitment:accessory/device@0.1.1": crate::bindings::monitor::fitment::accessory::device,
            "fitment:accessory/net@0.1.1": crate::bindings::monitor::fitment::accessory::net,
            "fitment:accessory/http@0.1.1": crate::bindings::monitor::fitment::accessory::http,
            "fitment:accessory/state@0.1.1": crate::bindings::monitor::fitment::accessory::state,
        },
        generate_all,
    });
}

/// The world of scripts; what they share with the others is that of [`monitor`].
pub mod script {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "script",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_script",
        with: {
            "fitment:accessory/types@0.1.1": crate::bindings::monitor::fitment::accessory::types,
            "fitment:accessory/run-context@0.1.1": crate::bindings::monitor::fitment::accessory::run_context,
            "fitment:accessory/logging@0.1.1": crate::bindings::monitor::fitment::accessory::logging,
            "fitment:accessory/clock@0.1.1": crate::bindings::monitor::fitment::accessory::clock,
            "fitment:accessory/device@0.1.1": crate::bindings::monitor::fitment::accessory::device,
            "fitment:accessory/metrics@0.1.1": crate::bindings::monitor::fitment::accessory::metrics,
            "fitment:accessory/processes@0.1.1": crate::bindings::monitor::fitment::accessory::processes,
            "fitment:accessory/logs@0.1.1": crate::bindings::monitor::fitment::accessory::logs,
            "fitment:accessory/services@0.1.1": crate::bindings::monitor::fitment::accessory::services,
            "fitment:accessory/files@0.1.1": crate::bindings::monitor::fitment::accessory::files,
            "fitment:accessory/packages@0.1.1": crate::bindings::monitor::fitment::accessory::packages,
            "fitment:accessory/net@0.1.1": crate::bindings::monitor::fitment::accessory::net,
            "fitment:accessory/http@0.1.1": crate::bindings::monitor::fitment::accessory::http,
            "fitment:accessory/state@0.1.1": crate::bindings::monitor::fitment::accessory::state,
        },
        generate_all,
    });
}

/// What a ticketing connector may export besides its core; its tickets and errors are those of [`ticketing_connector`].
pub mod ticketing_sync {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package fitment:guest;
            world syncing { export fitment:accessory/ticketing-sync@0.1.1; }
        ",
        world: "fitment:guest/syncing",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_ticketing_sync",
        with: {
            "fitment:accessory/ticketing-types@0.1.1": crate::bindings::ticketing_connector::fitment::accessory::ticketing_types,
        },
        generate_all,
    });
}
