//! Programs: run to their end or to the end of their time, without a shell.

use std::time::Duration;

pub use fitment_domain::act::Output;

use crate::Unreadable;

/// What a program is given, and what of it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// After this time it is killed, with everything in its process group.
    pub wait_max: Duration,
    pub stdout_bytes_max: usize,
    pub stderr_bytes_max: usize,
}

/// Runs a program by its absolute path and waits for its end. It starts in `/` with a plain `PATH` and `LANG` and nothing else of the
/// environment, leads a process group of its own, and is killed with it when its time is over (`TimedOut`) or `give_up` says so.
pub fn run(argv: &[String], stdin: &[u8], bounds: Bounds, give_up: &dyn Fn() -> bool) -> Result<Output, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::programs::run(argv, stdin, bounds, give_up);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "exec" });
}
