//! By what a machine is known again: its maker's serial number, and the machine id of its system.

use serde::{Deserialize, Serialize};

use super::{Device, Facts, fact};
use crate::time::UnixMs;

/// What makers write where a serial number should be.
const NO_SERIALS: &[&str] = &[
    "none",
    "unknown",
    "default string",
    "to be filled by o.e.m.",
    "system serial number",
    "not specified",
    "not applicable",
    "n/a",
    "invalid",
    "0",
    "1234567890",
    "123456789",
];
const SERIAL_BYTES_MIN: usize = 4;
/// A predecessor that was heard of so long after its successor enrolled is alive, in milliseconds.
const BOTH_LIVE_AFTER_MS: u64 = 60_000;

/// By what a machine is known again; empty where it tells nothing of use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    pub serial: Option<String>,
    pub machine: Option<String>,
}

impl Identity {
    /// Returns whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.serial.is_none() && self.machine.is_none()
    }

    /// Returns whether both name the same machine by one of their parts.
    pub fn meets(&self, other: &Identity) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
        same(&self.serial, &other.serial) || same(&self.machine, &other.machine)
    }
}

impl Facts {
    /// Returns by what the machine is known again. Serial numbers that a maker gives to all its machines count for nothing.
    pub fn identity(&self) -> Identity {
        let of = |name| self.text(name).map(str::trim).filter(|text| !text.is_empty());
        let zeros = |text: &str| text.chars().all(|c| matches!(c, '0' | '-' | ' ' | '.' | 'x' | 'X'));
        let serial = of(fact::SERIAL).filter(|text| {
            text.len() >= SERIAL_BYTES_MIN && !zeros(text) && !NO_SERIALS.contains(&text.to_ascii_lowercase().as_str())
        });
        let machine = of(fact::MACHINE_ID).filter(|text| !zeros(text) && *text != "uninitialized");
        Identity { serial: serial.map(str::to_owned), machine: machine.map(str::to_owned) }
    }
}

/// How two devices of one identity stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kinship {
    /// The older one fell silent when the newer one came: probably the same machine, set up anew.
    ReImage,
    /// Both are alive: a cloned disk, or a copied machine id.
    Duplicate,
}

/// Judges two devices of one identity.
pub fn kinship(older: &Device, newer: &Device) -> Kinship {
    let alive = older.last_seen > UnixMs(newer.enrolled.0).plus_ms(BOTH_LIVE_AFTER_MS);
    if alive { Kinship::Duplicate } else { Kinship::ReImage }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Fact;

    fn identity(serial: &str, machine: &str) -> Identity {
        let facts = [("serial", serial), ("machine-id", machine)];
        Facts(facts.map(|(name, text)| (name.to_owned(), Fact::Text(text.to_owned()))).into_iter().collect()).identity()
    }

    #[test]
    fn what_makers_write_for_want_of_a_serial_names_no_machine() {
        for nothing in ["", "None", "To Be Filled By O.E.M.", "0000000", "Default string", "12", "00-00-00"] {
            assert!(identity(nothing, "").is_empty(), "{nothing}");
        }
        assert!(!identity("CZC1234567", "").meets(&identity("", "a1")));
        assert!(identity("CZC1234567", "b2").meets(&identity(" CZC1234567", "a1")));
        assert!(!identity("", "uninitialized").meets(&identity("", "uninitialized")));
    }
}
