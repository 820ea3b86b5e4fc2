//! Results that the server will never take, and lines that do not read, kept for a person.

use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::RunResult;

use super::SpoolError;
use super::storage::Storage;

const FOLDER: &str = "refused";

/// A bounded folder of what was set aside.
pub(super) struct Refused {
    records_max: usize,
}

impl Refused {
    /// Bounds the folder.
    pub(super) fn new(records_max: usize) -> Self {
        Self { records_max }
    }

    /// Keeps a result and why it was refused.
    pub(super) fn keep(
        &self,
        storage: &mut dyn Storage,
        epoch: &SpoolEpoch,
        result: &RunResult,
        reason: &str,
    ) -> Result<(), SpoolError> {
        let json = serde_json::to_vec(&serde_json::json!({ "reason": reason, "result": result }))
            .map_err(|e| SpoolError::Malformed(e.to_string()))?;
        self.put(storage, &format!("{epoch}-{}.json", result.sequence), &json)
    }

    /// Keeps a line as it lay there.
    pub(super) fn keep_line(
        &self,
        storage: &mut dyn Storage,
        epoch: &SpoolEpoch,
        segment: &str,
        offset: u64,
        line: &[u8],
    ) -> Result<(), SpoolError> {
        self.put(storage, &format!("{epoch}-{segment}-{offset}.bad"), line)
    }

    /// The first by name make room: which ones hardly matters, that it ends does.
    fn put(&self, storage: &mut dyn Storage, name: &str, bytes: &[u8]) -> Result<(), SpoolError> {
        let mut kept = storage.list(FOLDER)?;
        kept.sort();
        let surplus = (kept.len() + 1).saturating_sub(self.records_max);
        for old in kept.iter().take(surplus) {
            storage.remove(&format!("{FOLDER}/{old}"))?;
        }
        Ok(storage.replace(&format!("{FOLDER}/{name}"), bytes)?)
    }
}
