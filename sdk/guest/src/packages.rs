//! Installed packages and their updates. Permission `packages`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::packages;

pub use packages::Pending;

/// Lists the packages for which the machine's own lists hold a newer version.
pub fn pending() -> Result<Vec<Pending>, Fault> {
    packages::list_pending()
}

/// Returns when the lists were last refreshed, in milliseconds since 1970-01-01 UTC.
pub fn refreshed_ms() -> Result<Option<u64>, Fault> {
    packages::refreshed_ms()
}

/// Says whether the system asks for a restart.
pub fn reboot_required() -> Result<bool, Fault> {
    packages::reboot_required()
}
