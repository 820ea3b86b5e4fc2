//! A device and what is known of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DeviceId, LocationId};
use crate::location::LocationSource;
use crate::run::Fact;
use crate::tenant::Location;
use crate::time::UnixMs;

pub mod fact;
mod identity;

pub use self::identity::{Identity, Kinship, kinship};

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

/// Who said it: of a device that it exists, of a fact what its value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The agent on the device.
    Agent,
    /// A person, one device at a time.
    Hand,
    /// A list that a person brought.
    Import,
}

impl Origin {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Agent => "agent",
            Origin::Hand => "hand",
            Origin::Import => "import",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Origin::Agent, Origin::Hand, Origin::Import].into_iter().find(|o| o.as_str() == text)
    }
}

/// A device as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    pub id: DeviceId,
    pub name: String,
    pub client: ClientId,
    pub location: LocationId,
    /// Which of the ways to a location decided.
    pub location_source: LocationSource,
    /// The location that a person chose.
    pub location_by_hand: Option<LocationId>,
    /// The location of its zero certificate; of a device that was entered, where it was entered.
    pub home: LocationId,
    /// The address from which its agent connected last.
    pub peer: Option<String>,
    pub facts: Facts,
    /// Who said which fact, where it was not the agent.
    pub origins: BTreeMap<String, Origin>,
    /// Who said that it exists.
    pub origin: Origin,
    /// Whether an agent enrolled for it; without one it is only known.
    pub has_agent: bool,
    /// By which id its agent knows itself: another one after the machine was set up anew.
    pub agent_id: DeviceId,
    /// When it enrolled, or was entered.
    pub enrolled: UnixMs,
    pub last_seen: UnixMs,
    /// Its certificates are refused since then.
    pub revoked: Option<UnixMs>,
    /// Out of use since then: left out of lists and of fit, and its history stays.
    pub retired: Option<UnixMs>,
}

impl Device {
    /// Makes a device that is new at a location: entered by people, or enrolled by its agent.
    pub fn new(id: DeviceId, name: String, home: &Location, facts: Facts, origin: Origin, now: UnixMs) -> Self {
        let by_agent = origin == Origin::Agent;
        let origins = facts.0.keys().filter(|_| !by_agent).map(|fact| (fact.clone(), origin)).collect();
        Self {
            agent_id: id.clone(),
            id,
            name,
            client: home.client.clone(),
            location: home.id.clone(),
            location_source: if by_agent { LocationSource::ZeroCertificate } else { LocationSource::Hand },
            location_by_hand: (!by_agent).then(|| home.id.clone()),
            home: home.id.clone(),
            peer: None,
            facts,
            origins,
            origin,
            has_agent: by_agent,
            enrolled: now,
            last_seen: if by_agent { now } else { UnixMs(0) },
            revoked: None,
            retired: None,
        }
    }

    /// Takes what the agent reports: it outweighs what people said, and what it no longer reports is gone.
    pub fn report(&mut self, reported: Facts) {
        self.facts.0.retain(|name, _| self.origins.contains_key(name));
        for (name, fact) in reported.0 {
            self.origins.remove(&name);
            self.facts.0.insert(name, fact);
        }
    }

    /// Takes what people say. Returns the names of facts that its agent reports: those stay as they are.
    pub fn state(&mut self, stated: Facts, origin: Origin) -> Vec<String> {
        let mut reported = Vec::new();
        for (name, fact) in stated.0 {
            if self.facts.0.contains_key(&name) && !self.origins.contains_key(&name) {
                reported.push(name);
                continue;
            }
            self.origins.insert(name.clone(), origin);
            self.facts.0.insert(name, fact);
        }
        reported
    }
}
