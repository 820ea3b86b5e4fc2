//! Network interfaces and their counters.

use crate::Unreadable;

/// One interface; counters since it came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub name: String,
    pub rx_bytes: u64,
    pub tx_bytes: u64,
    pub rx_errors: u64,
    pub tx_errors: u64,
    /// Whether it can carry traffic now.
    pub up: bool,
}

/// Reads the interfaces, ordered by name; the loopback interface is one of them.
pub fn read() -> Result<Vec<Network>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::networks::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "network interfaces" });
}
