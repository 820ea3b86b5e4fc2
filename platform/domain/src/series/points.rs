//! Samples and buckets: merging what comes late or twice, and rolling up.

use super::{CHUNK_SAMPLES_MAX, floor};
use crate::time::UnixMs;

/// One number at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub at: UnixMs,
    pub value: f64,
}

/// What is known of the numbers of one stretch of time. `count` is never 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    pub start: UnixMs,
    pub min: f64,
    pub max: f64,
    pub sum: f64,
    pub count: u64,
}

impl Bucket {
    /// Returns the arithmetic mean.
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    fn add(&mut self, other: &Bucket) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count = self.count.saturating_add(other.count);
    }
}

/// Adds samples to those of a chunk, which are in the order of time. What is there already stays as it is: a batch that comes
/// twice changes nothing. Returns how many found no place.
pub fn merge(points: &mut Vec<Point>, new: &[Point]) -> usize {
    let mut refused = 0;
    for point in new {
        // Nearly always the newest: the search ends at once.
        let after = points.last().is_none_or(|last| last.at < point.at);
        let place = if after { Err(points.len()) } else { points.binary_search_by_key(&point.at, |p| p.at) };
        match place {
            Ok(_) => {}
            Err(_) if points.len() >= CHUNK_SAMPLES_MAX => refused += 1,
            Err(index) => points.insert(index, *point),
        }
    }
    refused
}

/// Rolls samples up into buckets of this many milliseconds.
pub fn roll_up(points: &[Point], resolution_ms: u64) -> Vec<Bucket> {
    let alone = |p: &Point| Bucket { start: p.at, min: p.value, max: p.value, sum: p.value, count: 1 };
    gather(points.iter().map(alone), resolution_ms)
}

/// Rolls buckets up into coarser ones. They are in the order of time.
pub fn coarser(buckets: &[Bucket], resolution_ms: u64) -> Vec<Bucket> {
    gather(buckets.iter().copied(), resolution_ms)
}

fn gather(parts: impl Iterator<Item = Bucket>, resolution_ms: u64) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for part in parts {
        let start = floor(part.start, resolution_ms);
        match buckets.last_mut() {
            Some(last) if last.start == start => last.add(&part),
            _ => buckets.push(Bucket { start, ..part }),
        }
    }
    buckets
}

/// Puts the buckets of a stretch of time in the place of whatever was known of it: rolling up again changes nothing.
pub fn replace(buckets: &mut Vec<Bucket>, from: UnixMs, to: UnixMs, new: &[Bucket]) {
    buckets.retain(|bucket| bucket.start < from || bucket.start >= to);
    buckets.extend(new.iter().filter(|bucket| bucket.start >= from && bucket.start < to));
    buckets.sort_by_key(|bucket| bucket.start);
}
