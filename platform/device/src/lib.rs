//! The only crate that knows the operating system: what can be read of a device without privileges.
//!
//! One module per capability; each is a small front with one file per operating system behind it. What has no file for this
//! operating system answers [`Unreadable::NotSupported`].

pub mod facts;
pub mod filesystems;
pub mod memory;

#[cfg(target_os = "linux")]
mod linux;

/// Why a reading could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{what} is not supported on this operating system")]
    NotSupported { what: &'static str },
    #[error("{what} cannot be read: {source}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("{what} holds no {field}")]
    Malformed { what: &'static str, field: &'static str },
}
