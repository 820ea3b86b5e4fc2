//! Scripts: they run once, when somebody asks, and may change the device within what they were granted.

use crate::bindings::script::exports::fitment::accessory::script_run::Guest;
use crate::bindings::script::fitment::accessory::script_host;
use crate::{Context, Fault, panics};

pub use crate::bindings::script::exports::fitment::accessory::script_run::Outcome;

/// A script: acts once and says what it did.
pub trait Script {
    /// Acts once. Running it twice is the author's business to make harmless.
    fn run(ctx: &Context) -> Result<Outcome, Fault>;
}

impl<T: Script> Guest for T {
    fn run() -> Result<Outcome, Fault> {
        panics::tell();
        T::run(&Context::new())
    }
}

impl Outcome {
    /// Starts an outcome that changed the device; one line says how.
    pub fn changed(summary: impl Into<String>) -> Self {
        Self { changed: true, summary: summary.into(), output: Vec::new() }
    }

    /// Starts an outcome that left the device as it was; one line says why.
    pub fn unchanged(summary: impl Into<String>) -> Self {
        Self { changed: false, summary: summary.into(), output: Vec::new() }
    }

    /// Adds a named value, such as "bytes_freed".
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.output.push((name.into(), value.into()));
        self
    }
}

/// Tells how far the script is, 0 to 100, to whoever watches.
pub fn progress(percent: u8, message: &str) {
    script_host::progress(percent, message);
}

/// Tells how much human time this run saved, in seconds, and why one may say so.
pub fn automation_saved(seconds: u32, reason: &str) {
    script_host::automation_saved(seconds, reason);
}
