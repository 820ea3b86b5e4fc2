//! Files within the granted paths. Permissions `files:read` and, for scripts, `files:write`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::files;
use crate::bindings::script::fitment::accessory::files_write;

pub use files::{FileKind, Metadata};

/// Reads what is known of one path, without following a link.
pub fn stat(path: &str) -> Result<Metadata, Fault> {
    files::stat(path)
}

/// Lists a directory, ordered by name, without following links.
pub fn list(path: &str) -> Result<Vec<Metadata>, Fault> {
    files::list_directory(path)
}

/// Reads at most `length` bytes from an offset.
pub fn read(path: &str, offset: u64, length: u32) -> Result<Vec<u8>, Fault> {
    files::read(path, offset, length)
}

/// Replaces a file's contents at once or not at all. Scripts only.
pub fn write(path: &str, contents: &[u8]) -> Result<(), Fault> {
    files_write::write(path, contents)
}

/// Removes a file, a link or an empty directory, and returns the bytes that it held. Scripts only.
pub fn remove(path: &str) -> Result<u64, Fault> {
    files_write::remove(path)
}
