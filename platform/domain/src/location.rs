//! Where a device stands: by hand, by its agent, by its address, or by its zero certificate, in this order.

use serde::{Deserialize, Serialize};

#[cfg(feature = "server")]
mod lookup;
#[cfg(feature = "server")]
pub use self::lookup::{BadNetwork, Evidence, NETWORKS_MAX, Network, Place, decide, longest, parse_network};

/// What decided on a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LocationSource {
    /// A person chose it.
    Hand,
    /// The agent was told it where it was set up.
    Agent,
    /// A network of the location holds one of its addresses.
    Address,
    /// The zero certificate with which it enrolled names it.
    ZeroCertificate,
}

impl LocationSource {
    const ALL: [LocationSource; 4] =
        [LocationSource::Hand, LocationSource::Agent, LocationSource::Address, LocationSource::ZeroCertificate];

    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            LocationSource::Hand => "hand",
            LocationSource::Agent => "agent",
            LocationSource::Address => "address",
            LocationSource::ZeroCertificate => "zero-certificate",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.as_str() == text)
    }
}
