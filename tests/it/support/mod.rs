//! What the tests stand on: real databases, real processes, real servers.

pub(crate) mod agent;
pub(crate) mod binary;
pub(crate) mod browser;
pub(crate) mod cable;
pub(crate) mod chromium;
pub(crate) mod databases;
pub(crate) mod device_host;
pub(crate) mod disk;
pub(crate) mod home;
pub(crate) mod looks;
pub(crate) mod package;
pub(crate) mod platform;
pub(crate) mod ports;
pub(crate) mod programs;
pub(crate) mod records;
pub(crate) mod relay;
pub(crate) mod script;
pub(crate) mod showcase;
pub(crate) mod small_disk;
pub(crate) mod tamper;
pub(crate) mod tracker;
pub(crate) mod wire;
