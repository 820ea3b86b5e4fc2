//! Orders that this agent has begun: written down before the run, so that none runs twice, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fitment_domain::id::{InstallationId, TransactionId};
use fitment_domain::time::{DAY_MS, UnixMs};
use serde::{Deserialize, Serialize};

use crate::files::{self, FileError};

const ENTRY_BYTES_MAX: usize = 4 * 1024;
/// An order is refused after its deadline; so long after it, by a clock that may be wrong, its entry is forgotten.
const KEPT_MS: u64 = 7 * DAY_MS;

/// One order that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub transaction: TransactionId,
    pub installation: InstallationId,
    pub begun: UnixMs,
    pub deliver_by: UnixMs,
    /// With which the server lets it start.
    pub key: String,
    /// Whether its result is in the spool.
    pub ended: bool,
}

/// All orders that this agent has begun. Its calls block on the disk.
pub struct Ledger {
    folder: PathBuf,
    entries: BTreeMap<TransactionId, Entry>,
    /// Begun, and nothing else is known of them.
    unreadable: BTreeSet<TransactionId>,
}

impl Ledger {
    /// Reads what was begun. An entry that does not read counts as begun.
    pub fn open(folder: PathBuf, now: UnixMs) -> Result<Self, FileError> {
        files::private_folder(&folder)?;
        let (mut entries, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for (path, name) in files::list(&folder)? {
            let Some(id) = name.strip_suffix(".json").and_then(|id| TransactionId::parse(id).ok()) else { continue };
            let bytes = files::read_bounded(&path, ENTRY_BYTES_MAX).map_err(|e| e.to_string());
            match bytes.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).map_err(|e| e.to_string())) {
                Ok(entry) if entry.ended && entry.deliver_by.plus_ms(KEPT_MS) < now => files::remove(&path)?,
                Ok(entry) => {
                    entries.insert(id, entry);
                }
                Err(error) => {
                    tracing::error!(transaction = %id, error, "an entry of the ledger does not read: it counts as begun");
                    unreadable.insert(id);
                }
            }
        }
        Ok(Self { folder, entries, unreadable })
    }

    fn path(&self, transaction: &TransactionId) -> PathBuf {
        self.folder.join(format!("{transaction}.json"))
    }

    /// Returns whether an order was begun.
    pub fn knows(&self, transaction: &TransactionId) -> bool {
        self.entries.contains_key(transaction) || self.unreadable.contains(transaction)
    }

    /// Returns what is known of an order.
    pub fn entry(&self, transaction: &TransactionId) -> Option<&Entry> {
        self.entries.get(transaction)
    }

    /// Returns the orders whose end nobody saw.
    pub fn interrupted(&self) -> Vec<Entry> {
        self.entries.values().filter(|entry| !entry.ended).cloned().collect()
    }

    /// Writes an entry. When this returns it is on disk.
    pub fn put(&mut self, entry: Entry) -> Result<(), FileError> {
        files::write_durable(&self.path(&entry.transaction), &serde_json::to_vec(&entry).unwrap_or_default())?;
        self.entries.insert(entry.transaction.clone(), entry);
        Ok(())
    }

    /// Forgets an order that the server did not let start.
    pub fn remove(&mut self, transaction: &TransactionId) -> Result<(), FileError> {
        files::remove(&self.path(transaction))?;
        self.entries.remove(transaction);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(n: u8, ended: bool) -> Entry {
        Entry {
            transaction: TransactionId::from_random([n; 16]),
            installation: InstallationId::from_random([9; 16]),
            begun: UnixMs(1_000),
            deliver_by: UnixMs(2_000),
            key: "0".repeat(32),
            ended,
        }
    }

    #[test]
    fn what_was_begun_is_known_after_a_restart_until_long_after_its_deadline() -> Result<(), FileError> {
        let folder = std::env::temp_dir().join(format!("fitment-ledger-{}", std::process::id()));
        let mut ledger = Ledger::open(folder.clone(), UnixMs(0))?;
        ledger.put(entry(1, false))?;
        ledger.put(entry(2, true))?;
        ledger.put(entry(3, false))?;
        ledger.remove(&entry(3, false).transaction)?;
        let again = Ledger::open(folder.clone(), UnixMs(2_000).plus_ms(KEPT_MS))?;
        assert_eq!(again.interrupted(), [entry(1, false)]);
        assert!(again.entry(&entry(2, true).transaction).is_some());
        std::fs::write(folder.join(format!("{}.json", TransactionId::from_random([4; 16]))), "{").ok();
        assert!(Ledger::open(folder.clone(), UnixMs(0))?.knows(&TransactionId::from_random([4; 16])));
        let later = Ledger::open(folder.clone(), UnixMs(2_001).plus_ms(KEPT_MS))?;
        assert!(later.entry(&entry(2, true).transaction).is_none());
        assert_eq!(later.interrupted(), [entry(1, false)], "what nobody reported is never forgotten");
        let _ = std::fs::remove_dir_all(&folder);
        Ok(())
    }
}
