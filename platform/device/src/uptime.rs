//! How long the machine has been up.

use crate::Unreadable;

/// How long, and since when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uptime {
    pub seconds: f64,
    /// When the machine started, in milliseconds since 1970-01-01 UTC.
    pub boot_ms: u64,
}

/// Reads how long the machine has been up.
pub fn read() -> Result<Uptime, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::uptime::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "uptime" });
}
