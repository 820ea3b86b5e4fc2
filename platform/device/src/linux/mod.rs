//! Linux: `/proc`, `/etc/os-release`, `uname` and `statvfs`.

pub(crate) mod facts;
pub(crate) mod filesystems;
pub(crate) mod memory;
mod mountinfo;
mod remote;
