//! A device that does not exist: what a fixture answers in the place of the system, one field for each reading.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::act::{Act, ServiceAction};
use crate::reading::{
    Activity, Cpu, File, Filesystem, LogEntry, Memory, Network, Packages, Process, Service, Temperature, Uptime,
};
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
    pub processes: Simulated<Vec<Process>>,
    /// Oldest first.
    pub logs: Simulated<Vec<LogEntry>>,
    /// In which state an act leaves its service, where that is not the one asked for: `restart ssh.service` → failed.
    pub leaves: BTreeMap<String, Activity>,
}

impl Simulation {
    /// Takes a change that the device accepted, so that the next reading shows it.
    pub fn take(&mut self, act: &Act) {
        match act {
            Act::ControlService { unit, action } => {
                let leaves = self.leaves.get(&act.to_string()).copied();
                let services = self.services.iter_mut().flatten().flatten();
                for service in services.filter(|service| service.name == *unit) {
                    match action {
                        ServiceAction::Start | ServiceAction::Restart => service.activity = Activity::Active,
                        ServiceAction::Stop => service.activity = Activity::Inactive,
                        ServiceAction::Enable => service.enabled = true,
                        ServiceAction::Disable => service.enabled = false,
                        ServiceAction::Reload => {}
                    }
                    service.activity = leaves.unwrap_or(service.activity);
                }
            }
            Act::WriteFile { path, contents } => {
                for file in self.files.iter_mut().flatten().flatten().filter(|file| file.path == *path) {
                    file.contents = String::from_utf8_lossy(contents).into_owned();
                    file.size_bytes = None;
                }
            }
            Act::RemoveFile { path } => {
                if let Some(Ok(files)) = &mut self.files {
                    files.retain(|file| file.path != *path);
                }
            }
            // What a program changes is its own affair: a fixture says it in words of its own, or not at all.
            Act::Run { .. } => {}
        }
    }
}

/// Returns the fixture's answer, or the fault that says which reading it lacks.
pub fn answer<T: Clone>(simulated: &Simulated<T>, name: &str) -> Result<T, Fault> {
    simulated.clone().unwrap_or_else(|| Err(Fault::Unsupported(format!("fixture has no {name}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_shows_in_the_next_reading() {
        let service: Service =
            serde_json::from_value(serde_json::json!({ "name": "web.service", "activity": "failed" }))
                .expect("a service");
        let file: File = serde_json::from_value(serde_json::json!({ "path": "/tmp/old" })).expect("a file");
        let restart = Act::ControlService { unit: "web.service".to_owned(), action: ServiceAction::Restart };
        let mut device =
            Simulation { services: Some(Ok(vec![service])), files: Some(Ok(vec![file])), ..Simulation::default() };
        let activity = |device: &Simulation| answer(&device.services, "services").expect("services")[0].activity;
        device.take(&restart);
        assert_eq!(activity(&device), Activity::Active);
        device.leaves = [("restart web.service".to_owned(), Activity::Failed)].into();
        device.take(&restart);
        assert_eq!(activity(&device), Activity::Failed);
        device.take(&Act::WriteFile { path: "/tmp/old".to_owned(), contents: b"new".to_vec() });
        assert_eq!(answer(&device.files, "files").expect("files")[0].contents, "new");
        device.take(&Act::RemoveFile { path: "/tmp/old".to_owned() });
        assert_eq!(answer(&device.files, "files"), Ok(Vec::new()));
    }

    #[test]
    fn what_a_fixture_leaves_out_is_unsupported_by_name_and_a_fault_is_passed_on() {
        let device = Simulation { memory: Some(Err(Fault::TimedOut)), ..Simulation::default() };
        assert_eq!(answer(&device.memory, "memory"), Err(Fault::TimedOut));
        assert_eq!(answer(&device.cpu, "cpu"), Err(Fault::Unsupported("fixture has no cpu".to_owned())));
    }
}
