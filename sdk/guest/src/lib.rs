#![doc = include_str!("../README.md")]

mod bindings;
mod context;
mod fault;
mod finding;
mod monitor;
mod panics;

pub mod device;
pub mod http;
pub mod log;
pub mod metrics;
pub mod ticketing;

pub use bindings::monitor::fitment::accessory::types::{Fact, Fault, Finding, Health, Sample};
pub use context::Context;
pub use monitor::Monitor;
pub use ticketing::TicketingConnector;

/// Makes a type the accessory that this crate builds: `export!(Type as monitor)` or `export!(Type as ticketing_connector)`.
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
    ($($unknown:tt)*) => {
        ::core::compile_error!("write `export!(Type as monitor)` or `export!(Type as ticketing_connector)`");
    };
}

/// What `export!` expands to; no part of the public interface.
#[doc(hidden)]
pub mod __export {
    pub use crate::bindings::{
        monitor as monitor_bindings, monitor::export_monitor as monitor,
        ticketing_connector as ticketing_connector_bindings,
        ticketing_connector::export_ticketing_connector as ticketing_connector,
    };

    pub fn assert_monitor<T: crate::Monitor>() {}
    pub fn assert_ticketing_connector<T: crate::TicketingConnector>() {}
}
