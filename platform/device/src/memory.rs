//! Memory and swap of the whole machine.

pub use fitment_domain::reading::Memory;

use crate::Unreadable;

/// Reads memory and swap.
pub fn read() -> Result<Memory, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::memory::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "memory" });
}

/// Returns how many processes the kernel has killed since it started because memory was short; none where it does not say.
pub fn kills() -> Option<u64> {
    #[cfg(target_os = "linux")]
    return crate::linux::memory::kills();
    #[cfg(not(target_os = "linux"))]
    return None;
}
