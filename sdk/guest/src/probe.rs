//! Probes: they run on a schedule, once per target, and look at machines that need no agent.

use crate::bindings::probe::exports::fitment::accessory::probe_run::Guest;
use crate::{Context, Fault, Finding, panics};

/// A probe: looks at one target once and says what it found.
pub trait Probe {
    /// Looks at one target of the configuration's `targets`; the run may reach this target alone.
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault>;
}

impl<T: Probe> Guest for T {
    fn check(target: String) -> Result<Vec<Finding>, Fault> {
        panics::tell();
        T::check(&Context::new(), &target)
    }
}
