//! A device that does not exist: what a fixture answers in the place of the system, one field for each reading.

use serde::{Deserialize, Serialize};

use crate::reading::{Cpu, File, Filesystem, Memory, Network, Packages, Service, Temperature, Uptime};
use crate::run::Fault;

/// What a fixture says of one reading: a value, a fault to try the accessory with, or nothing.
pub type Simulated<T> = Option<Result<T, Fault>>;

/// The readings of a simulated device. What a fixture leaves out is no part of it.
///
/// It crosses to the runner with the run, so every field travels, empty or not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Simulation {
    pub cpu: Simulated<Cpu>,
    pub memory: Simulated<Memory>,
    pub filesystems: Simulated<Vec<Filesystem>>,
    pub networks: Simulated<Vec<Network>>,
    pub temperatures: Simulated<Vec<Temperature>>,
    pub uptime: Simulated<Uptime>,
    pub services: Simulated<Vec<Service>>,
    pub packages: Simulated<Packages>,
    pub files: Simulated<Vec<File>>,
}

/// Returns the fixture's answer, or the fault that says which reading it lacks.
pub fn answer<T: Clone>(simulated: &Simulated<T>, name: &str) -> Result<T, Fault> {
    simulated.clone().unwrap_or_else(|| Err(Fault::Unsupported(format!("fixture has no {name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_fixture_leaves_out_is_unsupported_by_name_and_a_fault_is_passed_on() {
        let device = Simulation { memory: Some(Err(Fault::TimedOut)), ..Simulation::default() };
        assert_eq!(answer(&device.memory, "memory"), Err(Fault::TimedOut));
        assert_eq!(answer(&device.cpu, "cpu"), Err(Fault::Unsupported("fixture has no cpu".to_owned())));
    }
}
