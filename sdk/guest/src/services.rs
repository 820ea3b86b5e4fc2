//! Services of the machine's service manager. Permissions `services:read` and, for scripts, `services:control`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::services;
use crate::bindings::script::fitment::accessory::services_control;

pub use services::{Activity, Service};
pub use services_control::Action;

/// Lists every loaded service, ordered by name.
pub fn list() -> Result<Vec<Service>, Fault> {
    services::list_services()
}

/// Reads one service by its unit name, such as "ssh.service".
pub fn get(name: &str) -> Result<Service, Fault> {
    services::get_service(name)
}

/// Starts, stops or otherwise changes a service within the grant, and waits until that is done. Scripts only.
pub fn control(name: &str, action: Action) -> Result<(), Fault> {
    services_control::control(name, action)
}
