//! Installed packages and the updates that wait for them.

pub use fitment_domain::reading::Pending;

use crate::Unreadable;

/// Lists the pending updates, ordered by name. Packages on hold are none, nor is what only a back-port archive has. Takes up to
/// seconds when the lists changed; else the last answer is repeated.
pub fn pending() -> Result<Vec<Pending>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::packages::pending();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "packages" });
}

/// Returns when the lists were last refreshed, in milliseconds since 1970-01-01 UTC; none if never.
pub fn refreshed_ms() -> Result<Option<u64>, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::packages::refreshed_ms();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "packages" });
}

/// Returns whether an installed update asked for a restart of the machine.
pub fn reboot_required() -> Result<bool, Unreadable> {
    #[cfg(target_os = "linux")]
    return crate::linux::packages::reboot_required();
    #[cfg(not(target_os = "linux"))]
    return Err(Unreadable::NotSupported { what: "packages" });
}
