//! Samples of findings over time: what a series is, where its numbers are kept, and for how long.
//!
//! Numbers are kept three times, each more coarsely and for longer: as they came (`Tier::Raw`), per five minutes and per hour.
//! A chunk is one row: an hour of raw samples, a day of five-minute buckets, thirty days of hourly ones.

pub mod chunk;
pub mod points;

use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::id::{DeviceId, InstallationId, SeriesId, TenantId};
use crate::time::{DAY_MS, HOUR_MS, SECOND_MS, UnixMs};

/// Five minutes, in milliseconds.
pub const FIVE_MINUTES_MS: u64 = 300 * SECOND_MS;
/// The most series that one installation may begin on one device.
pub const SERIES_OF_INSTALLATION_MAX: usize = 256;
/// The most series of one device.
pub const SERIES_OF_DEVICE_MAX: usize = 2_048;
/// The most samples of one series in one hour: a little more than one a second.
pub const CHUNK_SAMPLES_MAX: usize = 4_000;
/// The most points of one answer.
pub const POINTS_MAX: u64 = 2_000;
/// So many points are aimed at when nobody says how far apart they should be.
const POINTS_WANTED: u64 = 500;

/// What one number is about. Two samples belong to the same series if all of this is the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeriesKey {
    pub device: DeviceId,
    pub installation: InstallationId,
    pub condition: String,
    /// Empty: the finding was about the device as a whole.
    pub subject: String,
    pub name: String,
    /// By name; each name once.
    pub labels: Vec<(String, String)>,
    /// A UCUM code.
    pub unit: String,
}

impl SeriesKey {
    /// Returns the series' identifier: the same key has the same one, so nobody has to ask a database for it.
    pub fn id(&self, tenant: &TenantId) -> SeriesId {
        let mut text = String::new();
        let labels = self.labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        let parts = [tenant.as_str(), self.device.as_str(), self.installation.as_str(), &self.condition, &self.subject];
        for part in parts.into_iter().chain([self.name.as_str(), self.unit.as_str()]).chain(labels) {
            // Lengths keep ("a", "bc") and ("ab", "c") apart.
            text.push_str(&format!("{}:{part}", part.len()));
        }
        let digest = hex::decode(Digest::of(text.as_bytes()).as_str()).unwrap_or_default();
        let mut short = [0; 16];
        short.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        SeriesId::from_random(short)
    }
}

/// Returns a unit or a part of a label as it is kept: at most 120 characters, none of them a control character.
pub fn plain(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Brings labels into their one order. Of a name that comes twice the first one stays.
pub fn canonical_labels(labels: &[(String, String)]) -> Vec<(String, String)> {
    let mut labels: Vec<_> = labels.iter().map(|(name, value)| (plain(name), plain(value))).collect();
    labels.sort_by(|a, b| a.0.cmp(&b.0));
    labels.dedup_by(|later, earlier| later.0 == earlier.0);
    labels
}

/// How coarsely numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    Raw,
    FiveMinutes,
    Hour,
}

impl Tier {
    pub const ALL: [Tier; 3] = [Tier::Raw, Tier::FiveMinutes, Tier::Hour];

    /// Returns the word that answers use.
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::Raw => "raw",
            Tier::FiveMinutes => "five-minutes",
            Tier::Hour => "hour",
        }
    }

    /// Returns the number that databases use: milliseconds of one bucket, 0 for samples as they came.
    pub fn resolution_ms(self) -> u64 {
        match self {
            Tier::Raw => 0,
            Tier::FiveMinutes => FIVE_MINUTES_MS,
            Tier::Hour => HOUR_MS,
        }
    }

    /// Returns how much time one chunk spans, in milliseconds.
    pub fn chunk_ms(self) -> u64 {
        match self {
            Tier::Raw => HOUR_MS,
            Tier::FiveMinutes => DAY_MS,
            Tier::Hour => 30 * DAY_MS,
        }
    }

    /// Returns the start of the chunk that holds this time.
    pub fn chunk_of(self, at: UnixMs) -> UnixMs {
        floor(at, self.chunk_ms())
    }
}

/// Returns the latest multiple of this many milliseconds that is not after a time.
pub(crate) fn floor(at: UnixMs, ms: u64) -> UnixMs {
    let ms = i64::try_from(ms.max(1)).unwrap_or(i64::MAX);
    UnixMs(at.0.div_euclid(ms).saturating_mul(ms))
}

/// For how long a tenant's numbers are kept, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub raw_ms: u64,
    pub five_minutes_ms: u64,
    pub hour_ms: u64,
}

impl Retention {
    /// Returns what holds unless somebody decided otherwise: 7 days, 90 days and 2 years.
    pub const fn standard() -> Self {
        Self { raw_ms: 7 * DAY_MS, five_minutes_ms: 90 * DAY_MS, hour_ms: 730 * DAY_MS }
    }

    /// Checks the bounds: at least 2 hours of samples, each coarser tier at least as long, at most 10 years.
    pub fn check(&self) -> Result<(), BadRetention> {
        let ordered = self.raw_ms <= self.five_minutes_ms && self.five_minutes_ms <= self.hour_ms;
        let bounded = self.raw_ms >= 2 * HOUR_MS && self.hour_ms <= 3_653 * DAY_MS;
        if ordered && bounded { Ok(()) } else { Err(BadRetention) }
    }

    /// Returns for how long a tier is kept.
    pub fn of(&self, tier: Tier) -> u64 {
        match tier {
            Tier::Raw => self.raw_ms,
            Tier::FiveMinutes => self.five_minutes_ms,
            Tier::Hour => self.hour_ms,
        }
    }

    /// Returns the time before which a tier holds nothing.
    pub fn begin(&self, tier: Tier, now: UnixMs) -> UnixMs {
        UnixMs(now.0.saturating_sub(i64::try_from(self.of(tier)).unwrap_or(i64::MAX)))
    }
}

/// A retention that no tenant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "retention must be at least 2 hours for samples (samples_days), not shorter for five minutes, not shorter for hours, at most 10 years"
)]
pub struct BadRetention;

/// Why a sample is not kept. The finding that brought it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dropped {
    /// The installation or the device has as many series as it may have.
    SeriesLimit,
    /// Older than samples are kept.
    TooLate,
    /// The series has as many samples in that hour as it may have.
    TooDense,
}

impl Dropped {
    /// Returns the word that databases, answers and metrics use.
    pub fn as_str(self) -> &'static str {
        match self {
            Dropped::SeriesLimit => "series-limit",
            Dropped::TooLate => "too-late",
            Dropped::TooDense => "too-dense",
        }
    }
}

/// From where an answer about some time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    pub tier: Tier,
    /// Milliseconds of one point of the answer; a multiple of the tier's resolution.
    pub step_ms: u64,
}

/// Why a question about points is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRange {
    #[error("to: must be later than from")]
    Empty,
    #[error("step: {step_ms} ms over this time makes {points} points, at most {POINTS_MAX}; ask for a larger step")]
    TooMany { step_ms: u64, points: u64 },
}

/// Chooses the finest tier that still holds the start of the time asked for and is not finer than the step.
pub fn choose(
    from: UnixMs,
    to: UnixMs,
    step_ms: Option<u64>,
    now: UnixMs,
    kept: &Retention,
) -> Result<Choice, BadRange> {
    let span = to.since_ms(from);
    if span == 0 {
        return Err(BadRange::Empty);
    }
    let wanted = step_ms.unwrap_or_else(|| span.div_ceil(POINTS_WANTED)).max(1);
    // A range that begins a little before the edge of what is kept is still asked of the finer tier.
    let holds = |tier: Tier| from.plus_ms(tier.chunk_ms()) >= kept.begin(tier, now);
    let fits = |tier: Tier| wanted >= tier.resolution_ms() && (tier == Tier::Raw || holds(tier));
    let coarsest_needed = Tier::ALL.into_iter().find(|tier| holds(*tier)).unwrap_or(Tier::Hour);
    let coarsest_allowed = Tier::ALL.into_iter().rev().find(|tier| fits(*tier)).unwrap_or(Tier::Raw);
    let tier = coarsest_needed.max(coarsest_allowed);
    let step_ms = wanted.next_multiple_of(tier.resolution_ms().max(1)).max(tier.resolution_ms());
    let points = span.div_ceil(step_ms);
    if points > POINTS_MAX { Err(BadRange::TooMany { step_ms, points }) } else { Ok(Choice { tier, step_ms }) }
}

#[cfg(test)]
mod tests;
