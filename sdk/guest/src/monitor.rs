//! Monitors: they run on a schedule, on a device, and change nothing.

use crate::bindings::monitor::exports::fitment::accessory::monitor_run::Guest;
use crate::{Context, Fault, Finding, panics};

/// A monitor: looks at the device once and says what it found.
pub trait Monitor {
    /// Looks once. An empty list means "nothing to say"; what could not be looked at is a fault or an `unknown` finding.
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault>;
}

impl<T: Monitor> Guest for T {
    fn check() -> Result<Vec<Finding>, Fault> {
        panics::tell();
        T::check(&Context::new())
    }
}
