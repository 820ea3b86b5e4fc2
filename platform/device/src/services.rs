//! Services of the machine's service manager.

use std::time::Duration;

pub use fitment_domain::act::ServiceAction;
pub use fitment_domain::reading::{Activity, Service};

use crate::Unreadable;

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
pub fn control(unit: &str, action: ServiceAction, wait_max: Duration) -> Result<(), Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::services::control(unit, action, wait_max);
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "services" });
}
