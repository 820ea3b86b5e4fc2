//! The only crate that knows the operating system: what can be read of a device, and the few things that can be done to it.
//!
//! One module per capability; each is a small front with one file per operating system behind it. What has no file for this
//! operating system answers [`Unreadable::NotSupported`]. Whether something may be read or done is not decided here, with one
//! exception: a path is opened without following a link, because only the opening can know.

pub mod cpu;
pub mod descriptors;
pub mod facts;
pub mod files;
pub mod filesystems;
pub mod journal;
pub mod memory;
pub mod networks;
pub mod packages;
pub mod processes;
pub mod processor;
pub mod programs;
pub mod services;
pub mod temperatures;
pub mod uptime;

#[cfg(target_os = "linux")]
mod linux;

use fitment_domain::run::Fault;

/// Why a reading could not be made, or an act not be done.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{what} is not supported on this operating system")]
    NotSupported { what: &'static str },
    #[error("{what} cannot be read: {source}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("{what} holds no {field}")]
    Malformed { what: &'static str, field: &'static str },
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("{0} is not there")]
    NotFound(String),
    #[error("{0}")]
    Denied(String),
    /// The operating system says that this account may not: a mightier one may.
    #[error("{0}")]
    NotPermitted(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{0} was reached")]
    Exhausted(&'static str),
    #[error("it took too long")]
    TimedOut,
    #[error("{0}")]
    Failed(String),
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::NotSupported { what } => Fault::Unsupported(format!("{what} on this operating system")),
            Unreadable::Unsupported(what) => Fault::Unsupported(what),
            Unreadable::NotFound(what) => Fault::NotFound(what),
            Unreadable::Denied(why) => Fault::Denied(why),
            Unreadable::Invalid(why) => Fault::Invalid(why),
            Unreadable::Exhausted(bound) => Fault::Exhausted(bound.to_owned()),
            Unreadable::TimedOut => Fault::TimedOut,
            error @ (Unreadable::Io { .. }
            | Unreadable::Malformed { .. }
            | Unreadable::NotPermitted(_)
            | Unreadable::Failed(_)) => Fault::Failed(error.to_string()),
        }
    }
}
