//! Secret values of one connection: put into requests here, never sent to a guest.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::origin::Origin;

/// Secret values by name, each bound to one origin. Its debug form shows names only.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<String, Secret>);

#[derive(Clone)]
struct Secret {
    /// `None`: the origin did not parse, so the secret goes nowhere.
    origin: Option<Origin>,
    value: String,
}

impl Secrets {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a secret that may go to one origin, such as `https://rt.example.com`.
    #[must_use]
    pub fn with(mut self, name: &str, origin: &str, value: String) -> Self {
        self.0.insert(name.to_owned(), Secret { origin: Origin::parse(origin), value });
        self
    }

    /// Returns the value if the grant names the secret and it is bound to this origin.
    pub(super) fn open(&self, name: &str, origin: &Origin, granted: &BTreeSet<String>) -> Option<&str> {
        let secret = self.0.get(name)?;
        let allowed = granted.contains(name) && secret.origin.as_ref() == Some(origin);
        allowed.then_some(secret.value.as_str())
    }

    /// Returns every value that could come back from an origin.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|secret| secret.value.as_str())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
