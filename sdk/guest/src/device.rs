//! Facts about the device, as the platform knows them too. No permission needed.

use crate::Fact;
use crate::bindings::monitor::fitment::accessory::device;

/// Returns one fact by its documented name, such as "os.family"; none if this device has no such fact.
pub fn fact(name: &str) -> Option<Fact> {
    device::get_fact(name)
}

/// Returns one fact if it is a text.
pub fn text(name: &str) -> Option<String> {
    match fact(name) {
        Some(Fact::Text(text)) => Some(text),
        _ => None,
    }
}

/// Returns every fact of this device, ordered by name.
pub fn facts() -> Vec<(String, Fact)> {
    device::list_facts()
}
