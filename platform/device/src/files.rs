//! Files: what is known of them, what is in them, and the two ways to change them. No path is followed through a symbolic link,
//! wherever in it the link stands: what a path says is where it leads.

pub use fitment_domain::reading::{FileKind, Metadata};

use crate::Unreadable;

/// Entries of one folder that are listed.
pub const ENTRIES_MAX: usize = 10_000;
/// Bytes that one reading returns.
pub const READ_BYTES_MAX: u64 = fitment_domain::look::READ_BYTES_MAX;
/// Bytes that one writing writes.
pub const WRITE_BYTES_MAX: usize = fitment_domain::act::WRITE_BYTES_MAX;

/// Reads what is known of a path. A link at its end is told as a link.
pub fn stat(path: &str) -> Result<Metadata, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::files::stat(path);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "files" });
}

/// Lists a folder, ordered by name; beyond [`ENTRIES_MAX`] it is `Exhausted`.
pub fn list(path: &str) -> Result<Vec<Metadata>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::files::list(path);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "files" });
}

/// Reads at most `length_bytes` (and at most [`READ_BYTES_MAX`]) of a regular file, from an offset.
pub fn read(path: &str, offset_bytes: u64, length_bytes: u64) -> Result<Vec<u8>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::files::read(path, offset_bytes, length_bytes.min(READ_BYTES_MAX));
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "files" });
}

/// Replaces a file's contents at once or not at all; a new file is readable by everybody, an old one keeps owner and mode (but
/// for set-uid and its like). `base` is the folder that the grant hangs on: the path must lie below it, with no mount in between.
pub fn write(path: &str, contents: &[u8], base: &str) -> Result<(), Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::files::write(path, contents, base);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "files" });
}

/// Removes a file, a link or an empty folder, and returns the bytes that it held. The same rules as for writing.
pub fn remove(path: &str, base: &str) -> Result<u64, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::files::remove(path, base);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "files" });
}
