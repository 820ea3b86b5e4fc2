//! A device and what is known of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DeviceId, LocationId};
use crate::run::Fact;
use crate::time::UnixMs;

/// The names of the facts that every agent reports.
pub mod fact {
    pub const HOSTNAME: &str = "hostname";
    pub const OS_FAMILY: &str = "os.family";
    pub const OS_VERSION: &str = "os.version";
    pub const ARCH: &str = "arch";
    pub const AGENT_VERSION: &str = "agent.version";
}

/// What is known of a device, by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub BTreeMap<String, Fact>);

/// Bounds on what an agent may report of its device.
const FACTS_MAX: usize = 200;
const FACT_NAME_BYTES_MAX: usize = 80;
const FACT_TEXT_BYTES_MAX: usize = 1024;

/// Why reported facts are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFacts {
    #[error("{0} facts, at most {FACTS_MAX}")]
    TooMany(usize),
    #[error("fact name {0:?} must be 1 to {FACT_NAME_BYTES_MAX} characters of a-z, 0-9, dots and hyphens")]
    Name(String),
    #[error("fact {0} is larger than {FACT_TEXT_BYTES_MAX} bytes, holds a NUL or is not a finite number")]
    Value(String),
}

impl Facts {
    /// Returns a fact that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Fact::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the facts ordered by name, as a run gets them.
    pub fn to_list(&self) -> Vec<(String, Fact)> {
        self.0.iter().map(|(name, fact)| (name.clone(), fact.clone())).collect()
    }

    /// Checks names, sizes and count.
    pub fn check(&self) -> Result<(), BadFacts> {
        if self.0.len() > FACTS_MAX {
            return Err(BadFacts::TooMany(self.0.len()));
        }
        for (name, fact) in &self.0 {
            let name_ok = (1..=FACT_NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-');
            if !name_ok {
                return Err(BadFacts::Name(name.chars().take(FACT_NAME_BYTES_MAX).collect()));
            }
            let value_ok = match fact {
                Fact::Text(text) => text.len() <= FACT_TEXT_BYTES_MAX && !text.contains('\0'),
                Fact::Number(number) => number.is_finite(),
                Fact::Flag(_) => true,
                // Each entry counts for a byte more, so that many empty ones are many.
                Fact::Many(many) => {
                    let bytes = many.iter().map(|entry| entry.len() + 1).sum::<usize>();
                    bytes <= FACT_TEXT_BYTES_MAX && !many.iter().any(|entry| entry.contains('\0'))
                }
            };
            if !value_ok {
                return Err(BadFacts::Value(name.clone()));
            }
        }
        Ok(())
    }
}

/// A device as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub name: String,
    pub client: ClientId,
    pub location: LocationId,
    pub facts: Facts,
    pub enrolled: UnixMs,
    pub last_seen: UnixMs,
    /// Its certificates are refused since then.
    pub revoked: Option<UnixMs>,
}
