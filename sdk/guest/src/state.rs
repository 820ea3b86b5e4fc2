//! What a run leaves for the next run of the same installation on the same device. Permission `state`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::state;

/// Reads what an earlier run left; none if nothing.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Fault> {
    state::get(key)
}

/// Leaves bytes under a key.
pub fn set(key: &str, value: &[u8]) -> Result<(), Fault> {
    state::set(key, value)
}

/// Removes a key.
pub fn remove(key: &str) -> Result<(), Fault> {
    state::remove(key)
}
