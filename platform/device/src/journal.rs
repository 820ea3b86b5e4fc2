//! The system log.

use std::time::Duration;

pub use fitment_domain::reading::{LogEntry, LogPage};

use crate::Unreadable;

/// Characters of one message that are told.
pub const MESSAGE_CHARS_MAX: usize = 4_000;

/// Reads at most `limit` entries of a unit, oldest first: after a cursor, or without one the newest. Unit and cursor are taken as they
/// are: whoever asks has checked that they are a unit's name and a cursor.
pub fn read(unit: &str, cursor: Option<&str>, limit: u32, wait_max: Duration) -> Result<LogPage, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::journal::read(unit, cursor, limit, wait_max);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "logs" });
}
