//! `fitment test`: an accessory on a device that does not exist.

pub mod answers;
pub mod fixture;
mod host;
pub mod simulator;
pub mod snapshot;
