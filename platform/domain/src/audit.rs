//! The audit log: append-only, each entry sealed with the hash of the one before it.

use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::time::UnixMs;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1 within one log.
    pub sequence: i64,
    pub at: UnixMs,
    /// Who did it, such as an account's id.
    pub actor: String,
    /// What was done, such as `release.approve`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// JSON; never a secret.
    pub details: String,
    pub hash: Digest,
}

/// Returns the hash that seals an entry: over the hash before it (empty for the first) and every field, each with its length.
pub fn seal(
    previous: &str,
    sequence: i64,
    at: UnixMs,
    actor: &str,
    action: &str,
    subject: &str,
    details: &str,
) -> Digest {
    let (sequence, at) = (sequence.to_string(), at.to_string());
    let mut bytes = Vec::new();
    for field in [previous, &sequence, &at, actor, action, subject, details] {
        bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
        bytes.extend_from_slice(field.as_bytes());
    }
    Digest::of(&bytes)
}

/// Returns the sequence of the first entry that does not fit the chain; none if all do. `before` is the sequence and the hash of
/// the entry before them: 0 and nothing for the first one of a log.
pub fn first_break(before: (i64, &str), entries: &[Entry]) -> Option<i64> {
    let mut previous = before.1.to_owned();
    for (expected, entry) in (before.0.saturating_add(1)..).zip(entries) {
        let hash =
            seal(&previous, entry.sequence, entry.at, &entry.actor, &entry.action, &entry.subject, &entry.details);
        if entry.sequence != expected || hash != entry.hash {
            return Some(entry.sequence);
        }
        previous = entry.hash.as_str().to_owned();
    }
    None
}
