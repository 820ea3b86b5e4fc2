//! What runs of a release cost, over all who run it: counts of runs in buckets, from which percentiles are read. Nothing in it tells
//! whose runs they were.

use std::collections::BTreeMap;

use crate::budget::Usage;
use crate::crash::{BACKING_OFF, QUARANTINED};
use crate::execution::Ending;
use crate::id::ReleaseId;
use crate::protocol::{Outcome, RunResult};

/// What is measured of each run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    WallUs,
    CpuUs,
    Fuel,
    MemoryBytesPeak,
    HostCalls,
    ResultBytes,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Measure; 6] = [
        Measure::WallUs,
        Measure::CpuUs,
        Measure::Fuel,
        Measure::MemoryBytesPeak,
        Measure::HostCalls,
        Measure::ResultBytes,
    ];

    /// Returns the word that databases and wires use; its unit is in it.
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::WallUs => "wall_us",
            Measure::CpuUs => "cpu_us",
            Measure::Fuel => "fuel",
            Measure::MemoryBytesPeak => "memory_bytes_peak",
            Measure::HostCalls => "host_calls",
            Measure::ResultBytes => "result_bytes",
        }
    }

    fn of(self, usage: &Usage) -> u64 {
        match self {
            Measure::WallUs => usage.wall_us,
            Measure::CpuUs => usage.cpu_us,
            Measure::Fuel => usage.fuel,
            Measure::MemoryBytesPeak => usage.memory_bytes_peak,
            Measure::HostCalls => usage.host_calls,
            Measure::ResultBytes => usage.result_bytes,
        }
    }
}

/// How runs end, as far as it is counted; what a device calls otherwise is `other`.
const ENDS: &[&str] = &[
    "findings",
    "done",
    "fault",
    "trapped",
    "exhausted",
    "refused",
    "runner-lost",
    "bad-findings",
    "bad-answer",
    "bad-output",
    "sandbox-unavailable",
    BACKING_OFF,
    QUARANTINED,
];

/// Before the word of an end, where a row counts ends.
pub const END_PREFIX: &str = "end:";

/// Returns how a run ended, as one of a few words.
pub fn end(result: &RunResult) -> &'static str {
    let word = match &result.outcome {
        Outcome::Findings(_) => "findings",
        Outcome::Failed { kind, .. } | Outcome::Execution { ending: Ending::Failed { kind, .. }, .. } => kind,
        Outcome::Execution { ending: Ending::Done(_), .. } => "done",
        Outcome::Execution { .. } => "other",
    };
    ENDS.iter().find(|known| **known == word).copied().unwrap_or("other")
}

/// Returns the bucket of a value: four to each doubling, so that none is wider than a quarter of what lies in it.
pub fn bucket(value: u64) -> i64 {
    if value < 4 {
        return i64::try_from(value).unwrap_or(3);
    }
    let doublings = i64::from(value.ilog2());
    let quarter = (value >> (value.ilog2() - 2)) & 3;
    4 * (doublings - 1) + i64::try_from(quarter).unwrap_or(3)
}

/// Returns the largest value of a bucket.
pub fn bucket_max(bucket: i64) -> u64 {
    let bucket = u32::try_from(bucket.clamp(0, 4 * 63)).unwrap_or(0);
    if bucket < 4 {
        return u64::from(bucket);
    }
    let most = (u128::from(5 + bucket % 4) << (bucket / 4 - 1)) - 1;
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// Counts of runs, by release, measure and bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(ReleaseId, String, i64), i64>);

impl Tally {
    /// Counts a run: how it ended, and what it cost if it began.
    pub fn add(&mut self, release: &ReleaseId, result: &RunResult) {
        let mut count = |measure: String, bucket| *self.0.entry((release.clone(), measure, bucket)).or_default() += 1;
        count(format!("{END_PREFIX}{}", end(result)), 0);
        if result.usage.wall_us > 0 {
            Measure::ALL
                .iter()
                .for_each(|measure| count(measure.as_str().to_owned(), bucket(measure.of(&result.usage))));
        }
    }

    /// Returns the counts in one order, so that whoever writes them at the same time does not wait crosswise.
    pub fn counts(&self) -> impl Iterator<Item = (&ReleaseId, &str, i64, i64)> {
        self.0.iter().map(|((release, measure, bucket), runs)| (release, measure.as_str(), *bucket, *runs))
    }
}

/// The counts of one measure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(pub BTreeMap<i64, i64>);

impl Histogram {
    /// Returns how many runs were counted.
    pub fn runs(&self) -> i64 {
        self.0.values().sum()
    }

    /// Returns a value that this share of the runs does not exceed, in thousandths: 990 is p99. None without runs.
    pub fn percentile(&self, per_mille: i64) -> Option<u64> {
        let wanted = self.runs().saturating_mul(per_mille).saturating_add(999).div_euclid(1_000).max(1);
        let mut seen = 0;
        self.0
            .iter()
            .find(|(_, runs)| {
                seen += **runs;
                seen >= wanted
            })
            .map(|(bucket, _)| bucket_max(*bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_few_runs_the_dearest_counts_too() {
        let histogram = Histogram([(1, 1), (2, 1), (3, 1)].into());
        let of = |per_mille| histogram.percentile(per_mille);
        assert_eq!((of(500), of(990)), (Some(bucket_max(2)), Some(bucket_max(3))));
    }

    #[test]
    fn a_bucket_is_no_wider_than_a_quarter_of_what_lies_in_it() {
        let mut values: Vec<u64> = (0..2_000).collect();
        values.extend((3..64).flat_map(|shift| [(1 << shift) - 1, 1 << shift, (1 << shift) + (1 << (shift - 1))]));
        values.extend([u64::MAX, u64::MAX - 1]);
        values.sort_unstable();
        for pair in values.windows(2) {
            assert!(bucket(pair[0]) <= bucket(pair[1]), "{pair:?}");
        }
        for value in values {
            let most = bucket_max(bucket(value));
            assert!(value <= most && most - value <= value / 4, "{value} in a bucket up to {most}");
        }
    }

    #[test]
    fn percentiles_are_read_from_counts() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(500), None);
        for value in 1..=1_000_u64 {
            *histogram.0.entry(bucket(value)).or_default() += 1;
        }
        for (per_mille, exact) in [(500, 500), (900, 900), (990, 990), (1_000, 1_000)] {
            let read = histogram.percentile(per_mille).unwrap_or_default();
            assert!(read >= exact && read <= exact * 5 / 4, "{per_mille}: {read}");
        }
    }
}
