//! Mounted file systems that hold data.

use crate::Unreadable;

/// One mount, in bytes and inodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filesystem {
    pub mount: String,
    pub device: String,
    pub fstype: String,
    pub total_bytes: u64,
    /// What root may still write: more than `available_bytes` where blocks are reserved.
    pub free_bytes: u64,
    /// What an unprivileged user may still write.
    pub available_bytes: u64,
    /// Zero where the file system counts none.
    pub inodes_total: u64,
    pub inodes_free: u64,
    pub read_only: bool,
}

/// Reads every mounted file system that holds data, once per mount point; a mount that does not answer is left out.
pub fn read() -> Result<Vec<Filesystem>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::filesystems::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "file systems" });
}
