//! Readings of the whole machine. Permission `metrics`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::metrics;

pub use metrics::{Cpu, Filesystem, Memory, Network, Temperature, Uptime};

/// Reads the processors: shares since the last reading, and the run-queue averages.
pub fn cpu() -> Result<Cpu, Fault> {
    metrics::read_cpu()
}

/// Reads memory and swap.
pub fn memory() -> Result<Memory, Fault> {
    metrics::read_memory()
}

/// Reads every mounted file system that holds data.
pub fn filesystems() -> Result<Vec<Filesystem>, Fault> {
    metrics::read_filesystems()
}

/// Reads the network interfaces.
pub fn networks() -> Result<Vec<Network>, Fault> {
    metrics::read_networks()
}

/// Reads the temperature sensors.
pub fn temperatures() -> Result<Vec<Temperature>, Fault> {
    metrics::read_temperatures()
}

/// Reads how long the machine has been up.
pub fn uptime() -> Result<Uptime, Fault> {
    metrics::read_uptime()
}
