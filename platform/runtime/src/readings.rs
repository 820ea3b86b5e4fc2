//! Readings of the device in the contract's words: what the sandboxed host and the benchmark's peer both call.

use crate::contract::offered::metrics::{Filesystem, Memory};
use crate::contract::offered::types::Fault;

/// Reads memory and swap.
pub fn memory() -> Result<Memory, Fault> {
    let memory = fitment_device::memory::read().map_err(unreadable)?;
    Ok(Memory {
        total: memory.total_bytes,
        available: memory.available_bytes,
        swap_total: memory.swap_total_bytes,
        swap_used: memory.swap_used_bytes,
    })
}

/// Reads the file systems that hold data.
pub fn filesystems() -> Result<Vec<Filesystem>, Fault> {
    let filesystems = fitment_device::filesystems::read().map_err(unreadable)?;
    let converted = filesystems.into_iter().map(|f| Filesystem {
        mount: f.mount,
        device: f.device,
        fstype: f.fstype,
        total: f.total_bytes,
        free: f.free_bytes,
        available: f.available_bytes,
        inodes_total: f.inodes_total,
        inodes_free: f.inodes_free,
        read_only: f.read_only,
    });
    Ok(converted.collect())
}

/// Answers what this host does not read yet.
pub fn unsupported<T>(function: &str) -> Result<T, Fault> {
    Err(Fault::Unsupported(function.to_owned()))
}

/// Returns a monotonic time in nanoseconds, coarsened to one millisecond so that it measures no side channel.
pub fn monotonic_ns(since: std::time::Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}

fn unreadable(error: fitment_device::Unreadable) -> Fault {
    match error {
        fitment_device::Unreadable::NotSupported { what } => {
            Fault::Unsupported(format!("{what} on this operating system"))
        }
        other => Fault::Failed(other.to_string()),
    }
}
