//! Network interfaces and their counters.

pub use fitment_domain::reading::Network;

use crate::Unreadable;

/// Reads the interfaces, ordered by name; the loopback interface is one of them.
pub fn read() -> Result<Vec<Network>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::networks::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "network interfaces" });
}
