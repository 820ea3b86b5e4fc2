//! Linux: `/proc`, `/sys`, `statvfs`, `openat2`, systemd's D-Bus and apt's lists.

mod addresses;
mod apt;
mod bus;
pub(crate) mod cpu;
pub(crate) mod descriptors;
pub(crate) mod facts;
pub(crate) mod files;
pub(crate) mod filesystems;
pub(crate) mod journal;
mod kept;
pub(crate) mod memory;
mod mountinfo;
pub(crate) mod networks;
pub(crate) mod packages;
pub(crate) mod processes;
pub(crate) mod programs;
mod remote;
pub(crate) mod services;
pub(crate) mod temperatures;
#[cfg(test)]
mod testing;
pub(crate) mod uptime;
