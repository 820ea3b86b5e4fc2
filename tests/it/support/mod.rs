//! What the tests stand on: real databases, real processes, real servers.

pub(crate) mod agent;
pub(crate) mod databases;
pub(crate) mod disk;
pub(crate) mod package;
pub(crate) mod platform;
pub(crate) mod programs;
pub(crate) mod tamper;
pub(crate) mod tracker;
pub(crate) mod wire;
