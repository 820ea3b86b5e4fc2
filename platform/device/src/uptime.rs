//! How long the machine has been up.

pub use fitment_domain::reading::Uptime;

use crate::Unreadable;

/// Reads how long the machine has been up.
pub fn read() -> Result<Uptime, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::uptime::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "uptime" });
}
