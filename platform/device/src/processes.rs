//! Processes. How they were called is not read: arguments hold passwords.

pub use fitment_domain::reading::Process;

use crate::Unreadable;

/// One process as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// With no share of a processor yet: that takes two looks.
    pub process: Process,
    /// Processor time since it started, in milliseconds.
    pub cpu_ms: u64,
    /// Milliseconds since it started.
    pub age_ms: u64,
}

/// Reads every process that this account may see, ordered by number.
pub fn read() -> Result<Vec<Observed>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::processes::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "processes" });
}
