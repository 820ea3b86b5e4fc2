//! Memory and swap of the whole machine.

use crate::Unreadable;

/// Memory and swap, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub total_bytes: u64,
    /// What can be had without swapping.
    pub available_bytes: u64,
    pub swap_total_bytes: u64,
    pub swap_used_bytes: u64,
}

/// Reads memory and swap.
pub fn read() -> Result<Memory, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::memory::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "memory" });
}
