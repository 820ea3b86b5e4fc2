#![doc = include_str!("../README.md")]

mod bindings;
mod context;
mod fault;
mod finding;
mod monitor;
mod panics;
mod probe;

pub mod device;
pub mod exec;
pub mod files;
pub mod http;
pub mod log;
pub mod logs;
pub mod metrics;
pub mod net;
pub mod packages;
pub mod processes;
pub mod script;
pub mod services;
pub mod state;
pub mod text;
pub mod ticketing;

pub use bindings::monitor::fitment::accessory::types::{Fact, Fault, Finding, Health, Sample};
pub use context::Context;
pub use monitor::Monitor;
pub use probe::Probe;
pub use script::{Outcome, Script};
pub use ticketing::{TicketingConnector, TicketingSync};

/// Makes a type the accessory that this crate builds: `export!(Type as monitor)`, or `probe`, `script`, `ticketing_connector`.
/// A connector that also tells what changed goes on `with ticketing_sync`.
///
/// Used once per crate. On any target but WebAssembly it only checks that the type has the right trait, so that unit
/// tests of an accessory build as usual.
#[macro_export]
macro_rules! export {
    ($accessory:ident as monitor) => {
        #[cfg(target_arch = "wasm32")]
        $crate::__export::monitor!($accessory with_types_in $crate::__export::monitor_bindings);
        const _: fn() = $crate::__export::assert_monitor::<$accessory>;
    };
    ($accessory:ident as ticketing_connector) => {
        #[cfg(target_arch = "wasm32")]
        $crate::__export::ticketing_connector!($accessory with_types_in $crate::__export::ticketing_connector_bindings);
        const _: fn() = $crate::__export::assert_ticketing_connector::<$accessory>;
    };
    ($accessory:ident as probe) => {
        #[cfg(target_arch = "wasm32")]
        $crate::__export::probe!($accessory with_types_in $crate::__export::probe_bindings);
        const _: fn() = $crate::__export::assert_probe::<$accessory>;
    };
    ($accessory:ident as script) => {
        #[cfg(target_arch = "wasm32")]
        $crate::__export::script!($accessory with_types_in $crate::__export::script_bindings);
        const _: fn() = $crate::__export::assert_script::<$accessory>;
    };
    ($accessory:ident as ticketing_connector with ticketing_sync) => {
        $crate::export!($accessory as ticketing_connector);
        #[cfg(target_arch = "wasm32")]
        $crate::__export::ticketing_sync!($accessory with_types_in $crate::__export::ticketing_sync_bindings);
        const _: fn() = $crate::__export::assert_ticketing_sync::<$accessory>;
    };
    ($($unknown:tt)*) => {
        ::core::compile_error!("write `export!(Type as monitor)`, or probe, script or ticketing_connector in its place");
    };
}

/// What `export!` expands to; no part of the public interface.
#[doc(hidden)]
pub mod __export {
    pub use crate::bindings::{
        monitor as monitor_bindings, monitor::export_monitor as monitor, probe as probe_bindings,
        probe::export_probe as probe, script as script_bindings, script::export_script as script,
        ticketing_connector as ticketing_connector_bindings,
        ticketing_connector::export_ticketing_connector as ticketing_connector,
        ticketing_sync as ticketing_sync_bindings, ticketing_sync::export_ticketing_sync as ticketing_sync,
    };

    pub fn assert_monitor<T: crate::Monitor>() {}
    pub fn assert_probe<T: crate::Probe>() {}
    pub fn assert_script<T: crate::Script>() {}
    pub fn assert_ticketing_connector<T: crate::TicketingConnector>() {}
    pub fn assert_ticketing_sync<T: crate::TicketingSync>() {}
}
