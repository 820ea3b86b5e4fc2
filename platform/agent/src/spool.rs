//! Results until the server acknowledged them, in files to which records are only appended.
//!
//! What is put is on disk before the call returns; what comes together is made durable together. A file goes when everything in it is
//! settled, and nothing is appended to a file of which something was sent: so what was acknowledged is seldom sent again after a
//! restart, and where it is, the server knows its number. Where the disk takes nothing, results wait in memory and are sent all the
//! same: a full disk is what must be told.

mod numbers;
mod refused;
mod segment;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Results, RunResult};
use serde::{Deserialize, Serialize};

use self::numbers::Numbers;
use self::refused::Refused;
use self::segment::Place;
use self::storage::{Folder, Storage};
use crate::random::NoRandomness;

/// A file takes no more records from here on, in bytes.
const SEGMENT_BYTES: u64 = 1024 * 1024;
/// No file is larger: one record may exceed the bound above.
const SEGMENT_BYTES_MAX: u64 = SEGMENT_BYTES + 2 * segment::LINE_BYTES_MAX as u64;

/// So many results of an earlier agent are brought into one file of ours before theirs go.
const TAKEN_OVER_AT_ONCE: usize = 100;

/// Bounds on what waits.
#[derive(Debug, Clone)]
pub struct SpoolLimits {
    pub records_max: usize,
    /// On disk, what is settled and not yet removed included.
    pub bytes_max: u64,
    /// What waits in memory because the disk takes nothing.
    pub memory_bytes_max: u64,
    /// Records that the server refused for good, kept for a person.
    pub refused_max: usize,
}

impl SpoolLimits {
    /// Returns the bounds of an agent.
    pub const fn standard() -> Self {
        Self { records_max: 50_000, bytes_max: 64 * 1024 * 1024, memory_bytes_max: 8 * 1024 * 1024, refused_max: 1_000 }
    }
}

/// Why a result is not safely on disk.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the spool's disk: {0}")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("a result does not serialise: {0}")]
    Malformed(String),
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
    /// Since the agent started: set aside because they did not read.
    pub unreadable: u64,
}

/// By index into the epochs, and sequence.
type Key = (usize, u64);
/// By index into the epochs, and name.
type SegmentKey = (usize, String);

struct Entry {
    bytes: u64,
    lies: Lies,
}

enum Lies {
    /// The disk did not take it.
    InMemory(Box<RunResult>),
    OnDisk(SegmentKey, Place),
}

/// A file, and how much of it still waits.
#[derive(Debug, Default, Clone, Copy)]
struct Segment {
    waiting: usize,
    bytes: u64,
}

/// The spool of one agent. Its calls block on the disk.
pub struct Spool {
    storage: Box<dyn Storage>,
    limits: SpoolLimits,
    /// Older epochs first; the last one is written to.
    epochs: Vec<SpoolEpoch>,
    numbers: Numbers,
    refused: Refused,
    entries: BTreeMap<Key, Entry>,
    segments: BTreeMap<SegmentKey, Segment>,
    /// The file that takes records.
    open: Option<SegmentKey>,
    /// No name is used twice: what a write left that failed half-way is never taken for the beginning of another.
    next_segment: u64,
    counts: SpoolCounts,
}

impl Spool {
    /// Opens the spool in a folder of the device and counts what waits in it.
    pub fn open(root: &Path, limits: SpoolLimits) -> Result<Self, SpoolError> {
        Self::open_on(Box::new(Folder::at(root)), limits)
    }

    fn open_on(mut storage: Box<dyn Storage>, limits: SpoolLimits) -> Result<Self, SpoolError> {
        let numbers = Numbers::load(storage.as_ref())?;
        let folders = storage.list("")?;
        let mut epochs: Vec<_> = folders.iter().filter_map(|name| SpoolEpoch::parse(name).ok()).collect();
        epochs.retain(|found| found != numbers.epoch());
        epochs.sort();
        epochs.iter().for_each(|epoch| storage.remove_folder(epoch.as_str()));
        epochs.push(numbers.epoch().clone());
        let refused = Refused::new(limits.refused_max);
        let (entries, segments) = (BTreeMap::new(), BTreeMap::new());
        let counts = SpoolCounts::default();
        let (open, next_segment) = (None, 1);
        let mut spool =
            Self { storage, limits, epochs, numbers, refused, entries, segments, open, next_segment, counts };
        for index in 0..spool.epochs.len() {
            spool.scan(index)?;
        }
        Ok(spool)
    }

    fn scan(&mut self, index: usize) -> Result<(), SpoolError> {
        let names = self.storage.list(self.epochs[index].as_str())?;
        self.take_over(index, &names);
        for (number, name) in names.into_iter().filter_map(|name| Some((segment::number(&name)?, name))) {
            self.next_segment = self.next_segment.max(number.saturating_add(1));
            let key = (index, name);
            let bytes = match self.storage.read(&self.path(&key), SEGMENT_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.counts.unreadable += 1;
                    tracing::error!(segment = key.1, %error, "a file of the spool does not read and stays where it is");
                    continue;
                }
            };
            let scanned = segment::scan(&bytes);
            self.segments.insert(key.clone(), Segment { waiting: 0, bytes: bytes.len() as u64 });
            for place in scanned.damaged {
                self.set_aside(&key, place);
            }
            for (sequence, place) in scanned.records {
                // A record that was written twice counts once.
                self.insert(
                    (index, sequence),
                    Entry { bytes: place.bytes as u64, lies: Lies::OnDisk(key.clone(), place) },
                );
            }
            self.tidy(&key);
        }
        Ok(())
    }

    /// Brings what an earlier agent left, one file for each result, into files of ours. What cannot be brought now stays for the next
    /// start: a full disk keeps no agent from starting.
    fn take_over(&mut self, index: usize, names: &[String]) {
        let taken = names.iter().filter_map(|name| segment::number(name)).max().unwrap_or(0);
        self.next_segment = self.next_segment.max(taken.saturating_add(1));
        let old = names.iter().filter(|name| name.strip_suffix(".json").is_some_and(|n| n.parse::<u64>().is_ok()));
        for some in old.collect::<Vec<_>>().chunks(TAKEN_OVER_AT_ONCE) {
            let mut read = Vec::new();
            for name in some {
                let path = format!("{}/{name}", self.epochs[index]);
                let bytes = self.storage.read(&path, segment::LINE_BYTES_MAX as u64);
                let bytes = bytes.map_err(|error| error.to_string());
                match bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())) {
                    Ok(result) => read.push((path, result)),
                    Err(reason) => {
                        self.counts.unreadable += 1;
                        tracing::error!(
                            path,
                            reason,
                            "a result of an earlier agent does not read and stays where it is"
                        );
                    }
                }
            }
            let (paths, results): (Vec<String>, Vec<RunResult>) = read.into_iter().unzip();
            if let Err(error) = self.write(index, &results) {
                tracing::warn!(%error, "results of an earlier agent stay in their files until the next start");
                return;
            }
            for path in paths {
                // A power cut, or a failure here, leaves a result twice, which counts once.
                if let Err(error) = self.storage.remove(&path) {
                    tracing::warn!(path, %error, "a result that was taken over stays in its file");
                }
            }
        }
    }

    fn path(&self, (index, name): &SegmentKey) -> String {
        format!("{}/{name}", self.epochs[*index])
    }

    /// Returns how many records wait and what was lost or set aside.
    pub fn counts(&self) -> SpoolCounts {
        self.counts.clone()
    }

    /// Adds results and gives them their numbers; they become durable together. On an error they are kept in memory and sent
    /// nevertheless.
    pub fn put_all(&mut self, mut results: Vec<RunResult>) -> Result<(), SpoolError> {
        let reserved = self.numbers.reserve(results.len() as u64, self.storage.as_mut());
        if self.epochs.last() != Some(self.numbers.epoch()) {
            self.epochs.push(self.numbers.epoch().clone());
            self.open = None;
        }
        for result in &mut results {
            result.sequence = self.numbers.take();
        }
        let written = reserved.and_then(|()| self.write(self.epochs.len() - 1, &results));
        if written.is_err() {
            for result in results {
                let bytes = serde_json::to_vec(&result).map_or(0, |json| json.len() as u64);
                let key = (self.epochs.len() - 1, result.sequence);
                if self.entries.contains_key(&key) {
                    continue;
                }
                self.insert(key, Entry { bytes, lies: Lies::InMemory(Box::new(result)) });
            }
        }
        self.make_room();
        written
    }

    /// Appends records of one epoch, no more to a file than it takes. What was appended before one fails is on disk.
    fn write(&mut self, index: usize, mut results: &[RunResult]) -> Result<(), SpoolError> {
        while !results.is_empty() {
            results = self.append(index, results)?;
        }
        Ok(())
    }

    /// Appends as many records as a file takes to the open file, or to a new one. Returns the rest.
    fn append<'a>(&mut self, index: usize, results: &'a [RunResult]) -> Result<&'a [RunResult], SpoolError> {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for result in results {
            let offset = bytes.len() as u64;
            let length = segment::encode(result, &mut bytes).map_err(|e| SpoolError::Malformed(e.to_string()))?;
            places.push((result.sequence, Place { offset, bytes: length }));
            if bytes.len() as u64 >= SEGMENT_BYTES {
                break;
            }
        }
        let rest = &results[places.len()..];
        let open = self.open.take().filter(|(epoch, _)| *epoch == index);
        let open = open.filter(|key| self.segments.get(key).is_some_and(|segment| segment.bytes < SEGMENT_BYTES));
        let key = open.unwrap_or_else(|| {
            self.next_segment += 1;
            (index, segment::name(self.next_segment - 1))
        });
        if let Err(error) = self.storage.append(&self.path(&key), &bytes) {
            // Nothing is appended behind what may be half a record: the file is not opened again, and one that holds nothing
            // else goes at once. It would only take room on a full disk.
            if !self.segments.contains_key(&key) {
                let _ = self.storage.remove(&self.path(&key));
            }
            return Err(error.into());
        }
        let begin = self.segments.get(&key).map_or(0, |segment| segment.bytes);
        self.segments.entry(key.clone()).or_default().bytes = begin + bytes.len() as u64;
        for (sequence, place) in places {
            let place = Place { offset: begin + place.offset, ..place };
            self.insert((index, sequence), Entry { bytes: place.bytes as u64, lies: Lies::OnDisk(key.clone(), place) });
        }
        self.open = Some(key);
        Ok(rest)
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        // Counted before an earlier copy goes: the file of both is not to be taken for empty in between.
        match &entry.lies {
            Lies::InMemory(_) => self.counts.not_on_disk += 1,
            Lies::OnDisk(segment, _) => self.segments.entry(segment.clone()).or_default().waiting += 1,
        }
        self.forget(key);
        self.counts.records += 1;
        self.counts.bytes += entry.bytes;
        self.entries.insert(key, entry);
    }

    /// Takes a record out, and its file with it if nothing else in it waits.
    fn forget(&mut self, key: Key) {
        let Some(entry) = self.entries.remove(&key) else { return };
        self.counts.records -= 1;
        self.counts.bytes -= entry.bytes;
        match entry.lies {
            Lies::InMemory(_) => self.counts.not_on_disk -= 1,
            Lies::OnDisk(segment, _) => {
                if let Some(known) = self.segments.get_mut(&segment) {
                    known.waiting -= 1;
                }
                self.tidy(&segment);
            }
        }
    }

    /// Removes a file of which nothing waits any more.
    fn tidy(&mut self, key: &SegmentKey) {
        if self.segments.get(key).is_none_or(|segment| segment.waiting > 0) {
            return;
        }
        self.segments.remove(key);
        self.open.take_if(|open| open == key);
        if let Err(error) = self.storage.remove(&self.path(key)) {
            // It is sent again after the next start, and acknowledged again.
            tracing::warn!(%error, "a file of results that are done with stays in the spool");
        }
    }

    fn memory_bytes(&self) -> u64 {
        let in_memory = self.entries.values().filter(|entry| matches!(entry.lies, Lies::InMemory(_)));
        in_memory.map(|entry| entry.bytes).sum()
    }

    fn disk_bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }

    fn make_room(&mut self) {
        let before = self.counts.dropped;
        while self.counts.not_on_disk > 0 && self.memory_bytes() > self.limits.memory_bytes_max {
            let in_memory = self.entries.iter().find(|(_, entry)| matches!(entry.lies, Lies::InMemory(_)));
            let Some(key) = in_memory.map(|(key, _)| *key) else { break };
            self.drop_record(key);
        }
        while self.counts.records > self.limits.records_max || self.disk_bytes() > self.limits.bytes_max {
            let Some(oldest) = self.entries.keys().next().copied() else { break };
            self.drop_record(oldest);
        }
        if self.counts.dropped > before {
            let dropped = self.counts.dropped - before;
            tracing::error!(dropped, in_all = self.counts.dropped, "the spool is full: the oldest results are dropped");
        }
    }

    fn drop_record(&mut self, key: Key) {
        self.counts.dropped += 1;
        self.forget(key);
    }

    /// Tries again to bring onto disk what waits in memory.
    pub fn persist(&mut self) -> Result<(), SpoolError> {
        let mut waiting: BTreeMap<usize, Vec<RunResult>> = BTreeMap::new();
        for ((index, _), entry) in &self.entries {
            if let Lies::InMemory(result) = &entry.lies {
                waiting.entry(*index).or_default().push(result.as_ref().clone());
            }
        }
        waiting.into_iter().try_for_each(|(index, results)| self.write(index, &results))
    }

    /// Returns the oldest results that wait, all of one epoch, in order. A record that does not read is set aside.
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
            let mut results = Vec::new();
            for key in keys {
                match self.read(key) {
                    Ok(result) => results.extend(result),
                    // The disk does not answer now; it may well do so later, and nothing is lost by waiting.
                    Err(error) => {
                        tracing::warn!(%error, "results in the spool cannot be read now and wait");
                        if results.is_empty() {
                            return None;
                        }
                        break;
                    }
                }
            }
            if !results.is_empty() {
                return Some(Results { spool: self.epochs[first.0].clone(), results });
            }
        }
    }

    /// Reads a record; none if it is damaged, which sets it aside.
    fn read(&mut self, key: Key) -> io::Result<Option<RunResult>> {
        let (segment, place) = match self.entries.get(&key).map(|entry| &entry.lies) {
            None => return Ok(None),
            Some(Lies::InMemory(result)) => return Ok(Some(result.as_ref().clone())),
            Some(Lies::OnDisk(segment, place)) => (segment.clone(), *place),
        };
        // What is sent now is settled soon: what comes next goes into a file of its own.
        self.open.take_if(|open| *open == segment);
        let line = self.storage.read_part(&self.path(&segment), place.offset, place.bytes);
        let line = match line {
            // The file is shorter than it was: what is missing does not come back.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Vec::new(),
            line => line?,
        };
        let result = segment::decode(&line).filter(|result| result.sequence == key.1);
        if result.is_none() {
            self.set_aside(&segment, place);
            self.forget(key);
        }
        Ok(result)
    }

    /// Keeps a line that does not read for a person.
    fn set_aside(&mut self, segment: &SegmentKey, place: Place) {
        self.counts.unreadable += 1;
        let path = self.path(segment);
        tracing::error!(path, offset = place.offset, "a result in the spool does not read and is set aside");
        let kept =
            self.storage.read_part(&path, place.offset, place.bytes).map_err(SpoolError::from).and_then(|line| {
                let (index, name) = segment;
                self.refused.keep_line(self.storage.as_mut(), &self.epochs[*index], name, place.offset, &line)
            });
        if let Err(error) = kept {
            tracing::warn!(%error, "it cannot be kept");
        }
    }

    fn key(&self, epoch: &SpoolEpoch, sequence: u64) -> Option<Key> {
        let index = self.epochs.iter().position(|known| known == epoch)?;
        Some((index, sequence)).filter(|key| self.entries.contains_key(key))
    }

    /// Forgets a result that the server acknowledged. Returns whether it was waiting.
    pub fn acknowledged(&mut self, epoch: &SpoolEpoch, sequence: u64) -> bool {
        self.key(epoch, sequence).map(|key| self.forget(key)).is_some()
    }

    /// Sets aside a result that the server will never take, for a person to look at. Returns whether it was waiting.
    pub fn refused(&mut self, epoch: &SpoolEpoch, sequence: u64, reason: &str) -> bool {
        let Some(key) = self.key(epoch, sequence) else { return false };
        self.counts.refused += 1;
        tracing::error!(sequence, reason, "the server refuses a result for good; it is set aside");
        if let Ok(Some(result)) = self.read(key)
            && let Err(error) = self.refused.keep(self.storage.as_mut(), epoch, &result, reason)
        {
            tracing::warn!(%error, "the refused result cannot be kept");
        }
        self.forget(key);
        true
    }
}
