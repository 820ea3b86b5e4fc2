//! Mounted file systems that hold data.

pub use fitment_domain::reading::Filesystem;

use crate::Unreadable;

/// Reads every mounted file system that holds data, once per mount point; a mount that does not answer is left out.
pub fn read() -> Result<Vec<Filesystem>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::filesystems::read();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "file systems" });
}
