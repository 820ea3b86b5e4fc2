//! The set that counts, as the platform signed it: what the broker is shown.

use std::sync::{Arc, Mutex, PoisonError};

use fitment_domain::bytes::Digest;
use fitment_domain::signature::Envelope;

/// Holds the envelope of the set that runs.
#[derive(Default)]
pub struct SignedSet(Mutex<Option<(Digest, Arc<Envelope>)>>);

impl SignedSet {
    /// Puts another set in the place of the one before.
    pub fn put(&self, envelope: &Envelope) {
        let set = (Digest::of(&envelope.to_json()), Arc::new(envelope.clone()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(set);
    }

    /// Returns the set with the digest of its envelope; none while no set counts.
    pub fn get(&self) -> Option<(Digest, Arc<Envelope>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
