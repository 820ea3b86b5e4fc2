//! The system log, by the unit that wrote. Permission `logs`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::logs;

pub use logs::{Entry, Page};

/// Reads what a unit such as "ssh.service" wrote after a cursor, oldest first, or without one its newest entries; at most `limit`,
/// which is 1 to 1,000. The page's cursor is where to go on from: keep it with [`crate::state`].
pub fn read(unit: &str, cursor: Option<&str>, limit: u32) -> Result<Page, Fault> {
    logs::read(unit, cursor, limit)
}
