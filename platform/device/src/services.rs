//! Services of the machine's service manager.

use std::time::Duration;

use crate::Unreadable;

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    Active,
    Inactive,
    Failed,
    Activating,
    Deactivating,
    Unknown,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The unit's name, with its kind: `ssh.service`.
    pub name: String,
    pub description: String,
    pub activity: Activity,
    /// Whether it starts with the machine.
    pub enabled: bool,
    /// None in a list: what costs a question per service is told of one service only.
    pub main_pid: Option<u32>,
    /// When the activity was reached, in milliseconds since 1970-01-01 UTC. None in a list.
    pub since_ms: Option<u64>,
}

/// What can be done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
}

/// Lists the loaded services, ordered by name.
pub fn list() -> Result<Vec<Service>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::services::list();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "services" });
}

/// Reads one service by its unit name.
pub fn get(unit: &str) -> Result<Service, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::services::get(unit);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "services" });
}

/// Does it, and waits until the service manager says that it is done. Whether the unit may be touched is the caller's to know.
pub fn control(unit: &str, action: Action, wait_max: Duration) -> Result<(), Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::services::control(unit, action, wait_max);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "services" });
}
