//! Results until the server acknowledged them: one durable file each, in the order in which they were made.
//!
//! Where the disk takes nothing, results wait in memory and are sent all the same: a full disk is what must be told.

mod numbers;
mod refused;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Results, RunResult};
use serde::{Deserialize, Serialize};

use self::numbers::Numbers;
use self::refused::Refused;
use crate::files::{self, FileError};
use crate::random::NoRandomness;

const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bounds on what waits.
#[derive(Debug, Clone)]
pub struct SpoolLimits {
    pub records_max: usize,
    pub bytes_max: u64,
    /// What waits in memory because the disk takes nothing.
    pub memory_bytes_max: u64,
    /// Records that the server refused for good, kept for a person.
    pub refused_max: usize,
}

impl SpoolLimits {
    /// Returns the bounds of an agent.
    pub const fn standard() -> Self {
        Self { records_max: 10_000, bytes_max: 64 * 1024 * 1024, memory_bytes_max: 8 * 1024 * 1024, refused_max: 1_000 }
    }
}

/// Why a result is not safely on disk.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("a result does not serialise: {0}")]
    Malformed(String),
}

struct Entry {
    bytes: u64,
    /// The record itself, if the disk did not take it.
    in_memory: Option<RunResult>,
}

/// Counts what `status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpoolCounts {
    pub records: usize,
    pub bytes: u64,
    /// In memory only.
    pub not_on_disk: usize,
    /// Since the agent started: dropped, oldest first, because the spool was full.
    pub dropped: u64,
    /// Since the agent started: set aside because the server will never take them.
    pub refused: u64,
    /// Since the agent started: set aside because the file did not read.
    pub unreadable: u64,
}

/// The spool of one agent. Its calls block on the disk.
pub struct Spool {
    root: PathBuf,
    limits: SpoolLimits,
    /// Older epochs first; the last one is written to.
    epochs: Vec<SpoolEpoch>,
    numbers: Numbers,
    refused: Refused,
    /// By index into `epochs` and sequence.
    entries: BTreeMap<(usize, u64), Entry>,
    counts: SpoolCounts,
}

impl Spool {
    /// Opens the spool and counts what waits in it.
    pub fn open(root: &Path, limits: SpoolLimits) -> Result<Self, SpoolError> {
        let numbers = Numbers::load(root)?;
        let refused = Refused::open(root, limits.refused_max)?;
        let mut epochs: Vec<_> =
            files::list(root)?.iter().filter_map(|(_, name)| SpoolEpoch::parse(name).ok()).collect();
        epochs.retain(|found| found != numbers.epoch());
        epochs.sort();
        // Folders of older epochs go when nothing waits in them.
        epochs.retain(|epoch| std::fs::remove_dir(root.join(epoch.as_str())).is_err());
        epochs.push(numbers.epoch().clone());
        let entries = BTreeMap::new();
        let mut spool =
            Self { root: root.to_owned(), limits, epochs, numbers, refused, entries, counts: SpoolCounts::default() };
        for index in 0..spool.epochs.len() {
            spool.scan(index)?;
        }
        Ok(spool)
    }

    fn scan(&mut self, index: usize) -> Result<(), SpoolError> {
        let folder = self.root.join(self.epochs[index].as_str());
        for (path, name) in files::list(&folder)? {
            if name.ends_with(".tmp") {
                files::remove(&path)?;
            } else if let Some(sequence) = number_in(&name) {
                let bytes = std::fs::metadata(&path).map_or(0, |m| m.len());
                self.insert((index, sequence), Entry { bytes, in_memory: None });
            }
        }
        Ok(())
    }

    /// Returns how many records wait and what was lost or set aside.
    pub fn counts(&self) -> SpoolCounts {
        self.counts.clone()
    }

    /// Adds a result and gives it its number. On an error it is kept in memory and sent nevertheless.
    pub fn put(&mut self, mut result: RunResult) -> Result<(), SpoolError> {
        let reserved = self.numbers.reserve();
        if self.epochs.last() != Some(self.numbers.epoch()) {
            self.epochs.push(self.numbers.epoch().clone());
        }
        result.sequence = self.numbers.take();
        let key = (self.epochs.len() - 1, result.sequence);
        let json = serde_json::to_vec(&result).map_err(|e| SpoolError::Malformed(e.to_string()))?;
        let written = reserved.and_then(|()| self.write(key, &json));
        let in_memory = written.is_err().then_some(result);
        self.insert(key, Entry { bytes: json.len() as u64, in_memory });
        self.make_room();
        written
    }

    fn path(&self, (index, sequence): (usize, u64)) -> PathBuf {
        self.root.join(self.epochs[index].as_str()).join(format!("{sequence}.json"))
    }

    fn write(&self, key: (usize, u64), json: &[u8]) -> Result<(), SpoolError> {
        let path = self.path(key);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            files::private_folder(folder)?;
            files::sync_folder(&self.root)?;
        }
        Ok(files::write_durable(&path, json)?)
    }

    fn insert(&mut self, key: (usize, u64), entry: Entry) {
        self.counts.records += 1;
        self.counts.bytes += entry.bytes;
        self.counts.not_on_disk += usize::from(entry.in_memory.is_some());
        self.entries.insert(key, entry);
    }

    fn forget(&mut self, key: (usize, u64)) {
        if let Some(entry) = self.entries.remove(&key) {
            self.counts.records -= 1;
            self.counts.bytes -= entry.bytes;
            self.counts.not_on_disk -= usize::from(entry.in_memory.is_some());
        }
    }

    fn memory_bytes(&self) -> u64 {
        self.entries.values().filter(|entry| entry.in_memory.is_some()).map(|entry| entry.bytes).sum()
    }

    fn make_room(&mut self) {
        while self.memory_bytes() > self.limits.memory_bytes_max
            && let Some(key) = self.entries.iter().find(|(_, e)| e.in_memory.is_some()).map(|(key, _)| *key)
        {
            self.drop_record(key);
        }
        while self.counts.records > self.limits.records_max || self.counts.bytes > self.limits.bytes_max {
            let Some(oldest) = self.entries.keys().next().copied() else { return };
            self.drop_record(oldest);
        }
    }

    fn drop_record(&mut self, key: (usize, u64)) {
        self.counts.dropped += 1;
        tracing::error!(
            sequence = key.1,
            dropped = self.counts.dropped,
            "the spool is full: the oldest result is dropped"
        );
        self.remove(key);
    }

    fn remove(&mut self, key: (usize, u64)) {
        let on_disk = self.entries.get(&key).is_some_and(|entry| entry.in_memory.is_none());
        if on_disk && let Err(error) = files::remove(&self.path(key)) {
            // It is sent again after the next start, and acknowledged again.
            tracing::warn!(%error, "a result that is done with stays in the spool");
        }
        self.forget(key);
    }

    /// Tries again to bring onto disk what waits in memory.
    pub fn persist(&mut self) -> Result<(), SpoolError> {
        let waiting: Vec<_> = self.entries.iter().filter(|(_, e)| e.in_memory.is_some()).map(|(key, _)| *key).collect();
        for key in waiting {
            let Some(result) = self.entries.get(&key).and_then(|entry| entry.in_memory.as_ref()) else { continue };
            let json = serde_json::to_vec(result).map_err(|e| SpoolError::Malformed(e.to_string()))?;
            self.write(key, &json)?;
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.in_memory = None;
                self.counts.not_on_disk -= 1;
            }
        }
        Ok(())
    }

    /// Returns the oldest results that wait, all of one epoch, in order. A file that does not read is set aside.
    pub fn batch(&mut self, records_max: usize, bytes_max: u64) -> Option<Results> {
        loop {
            let first = *self.entries.keys().next()?;
            let mut keys = Vec::new();
            let mut bytes = 0;
            for (key, entry) in self.entries.range(first..).take_while(|(key, _)| key.0 == first.0).take(records_max) {
                bytes += entry.bytes;
                if bytes > bytes_max && !keys.is_empty() {
                    break;
                }
                keys.push(*key);
            }
            let results: Vec<RunResult> = keys.into_iter().filter_map(|key| self.read(key)).collect();
            if !results.is_empty() {
                return Some(Results { spool: self.epochs[first.0].clone(), results });
            }
        }
    }

    fn read(&mut self, key: (usize, u64)) -> Option<RunResult> {
        if let Some(result) = self.entries.get(&key)?.in_memory.clone() {
            return Some(result);
        }
        let path = self.path(key);
        let read = files::read_bounded(&path, RECORD_BYTES_MAX).map_err(|e| e.to_string());
        let result = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        match result {
            Ok(RunResult { sequence, .. }) if sequence != key.1 => self.unreadable(key, "it holds another number"),
            Ok(result) => Some(result),
            Err(reason) => self.unreadable(key, &reason),
        }
    }

    fn unreadable(&mut self, key: (usize, u64), reason: &str) -> Option<RunResult> {
        self.counts.unreadable += 1;
        let path = self.path(key);
        tracing::error!(path = %path.display(), reason, "a result in the spool does not read and is set aside");
        if let Err(error) = files::set_aside(&path) {
            tracing::warn!(%error, "it stays where it is");
        }
        self.forget(key);
        None
    }

    fn key(&self, epoch: &SpoolEpoch, sequence: u64) -> Option<(usize, u64)> {
        let index = self.epochs.iter().position(|known| known == epoch)?;
        Some((index, sequence)).filter(|key| self.entries.contains_key(key))
    }

    /// Forgets a result that the server acknowledged. Returns whether it was waiting.
    pub fn acknowledged(&mut self, epoch: &SpoolEpoch, sequence: u64) -> bool {
        self.key(epoch, sequence).map(|key| self.remove(key)).is_some()
    }

    /// Sets aside a result that the server will never take, for a person to look at. Returns whether it was waiting.
    pub fn refused(&mut self, epoch: &SpoolEpoch, sequence: u64, reason: &str) -> bool {
        let Some(key) = self.key(epoch, sequence) else { return false };
        self.counts.refused += 1;
        tracing::error!(sequence, reason, "the server refuses a result for good; it is set aside");
        if let Some(result) = self.read(key)
            && let Err(error) = self.refused.keep(epoch, &result, reason)
        {
            tracing::warn!(%error, "the refused result cannot be kept");
        }
        self.remove(key);
        true
    }
}

/// Reads the number in a file name; only the one way in which it is written counts.
fn number_in(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".json")?.parse().ok()?;
    (name == format!("{number}.json")).then_some(number)
}
