//! Lines for the people who look after this accessory.

use crate::bindings::monitor::fitment::accessory::logging::log;

pub use crate::bindings::monitor::fitment::accessory::logging::Level;

/// Writes one line at a level; what exceeds the run's log budget is dropped and counted.
pub fn write(level: Level, message: &str) {
    log(level, message);
}

/// Writes a line that only helps whoever debugs this accessory step by step.
pub fn trace(message: &str) {
    log(Level::Trace, message);
}

/// Writes a line that only helps whoever debugs this accessory.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Writes a line about the normal course of things.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes a line about something odd that did not stop the run.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Writes a line about something that stopped the run or a part of it.
pub fn error(message: &str) {
    log(Level::Error, message);
}
