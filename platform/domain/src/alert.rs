//! From findings to an alert: hysteresis, one alert per (installation, device, condition, subject).

use serde::{Deserialize, Serialize};

use crate::finding::Health;
use crate::id::{DeviceId, InstallationId};
use crate::time::UnixMs;

/// What one alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AlertKey {
    pub installation: InstallationId,
    pub device: DeviceId,
    pub condition: String,
    /// Empty where the finding names no subject.
    pub subject: String,
}

/// How many equal looks it takes to believe a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hysteresis {
    pub open_after: u32,
    pub clear_after: u32,
}

impl Hysteresis {
    /// Returns the bounds that hold when nobody configured others: two looks either way.
    pub const fn standard() -> Self {
        Self { open_after: 2, clear_after: 2 }
    }
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Bad looks were seen, but not enough of them.
    Pending,
    Open,
    Closed,
}

impl AlertState {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertState::Pending => "pending",
            AlertState::Open => "open",
            AlertState::Closed => "closed",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [AlertState::Pending, AlertState::Open, AlertState::Closed].into_iter().find(|s| s.as_str() == text)
    }
}

/// Why an alert closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Good looks closed it.
    Cleared,
    InstallationRemoved,
    /// The installation no longer means the device.
    NotCovered,
    DeviceRevoked,
    DeviceRetired,
    /// A person closed it, for this reason.
    ByHand(String),
}

impl Closing {
    /// Returns the words that the database holds and that people read.
    pub fn words(&self) -> String {
        match self {
            Closing::Cleared => "cleared".to_owned(),
            Closing::InstallationRemoved => "installation-removed".to_owned(),
            Closing::NotCovered => "not-covered".to_owned(),
            Closing::DeviceRevoked => "device-revoked".to_owned(),
            Closing::DeviceRetired => "device-retired".to_owned(),
            Closing::ByHand(reason) => format!("by hand: {reason}"),
        }
    }
}

/// Looks that may be missing before an alert counts as stale.
const STALE_AFTER_LOOKS: u64 = 3;
/// What results may take on their way, in milliseconds.
const STALE_GRACE_MS: u64 = 5_000;

/// Returns whether nobody reported the subject of an open alert for several intervals: it may be gone, which is no recovery.
pub fn is_stale(state: AlertState, last_seen: UnixMs, interval_s: u64, now: UnixMs) -> bool {
    let patience_ms = interval_s.saturating_mul(1_000 * STALE_AFTER_LOOKS).saturating_add(STALE_GRACE_MS);
    state == AlertState::Open && now.since_ms(last_seen) > patience_ms
}

/// What an alert remembers between looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Track {
    pub state: AlertState,
    pub bad_streak: u32,
    pub good_streak: u32,
    /// Bad looks since it opened, the ones that opened it included.
    pub occurrences: u32,
}

impl Track {
    /// Returns what is remembered before the first look.
    pub const fn new() -> Self {
        Self { state: AlertState::Closed, bad_streak: 0, good_streak: 0, occurrences: 0 }
    }
}

impl Default for Track {
    fn default() -> Self {
        Self::new()
    }
}

/// What a look changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Opened,
    /// One more bad look while open.
    Again,
    Cleared,
}

/// Takes one look into account. `Unknown` changes nothing: not being able to tell is neither trouble nor recovery.
pub fn step(track: Track, health: Health, hysteresis: &Hysteresis) -> (Track, Option<Change>) {
    match health {
        Health::Unknown => (track, None),
        Health::Ok => good(track, hysteresis),
        Health::Warning | Health::Critical => bad(track, hysteresis),
    }
}

fn good(track: Track, hysteresis: &Hysteresis) -> (Track, Option<Change>) {
    let next = Track { bad_streak: 0, good_streak: track.good_streak.saturating_add(1), ..track };
    match track.state {
        AlertState::Open if next.good_streak >= hysteresis.clear_after => {
            (Track { state: AlertState::Closed, ..next }, Some(Change::Cleared))
        }
        AlertState::Open => (next, None),
        AlertState::Pending | AlertState::Closed => (Track { state: AlertState::Closed, ..next }, None),
    }
}

fn bad(track: Track, hysteresis: &Hysteresis) -> (Track, Option<Change>) {
    let next = Track { good_streak: 0, bad_streak: track.bad_streak.saturating_add(1), ..track };
    match track.state {
        AlertState::Open => (Track { occurrences: track.occurrences.saturating_add(1), ..next }, Some(Change::Again)),
        _ if next.bad_streak >= hysteresis.open_after => {
            (Track { state: AlertState::Open, occurrences: next.bad_streak, ..next }, Some(Change::Opened))
        }
        _ => (Track { state: AlertState::Pending, ..next }, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(healths: &[Health]) -> Vec<Option<Change>> {
        let mut track = Track::new();
        healths
            .iter()
            .map(|health| {
                let (next, change) = step(track, *health, &Hysteresis::standard());
                track = next;
                change
            })
            .collect()
    }

    #[test]
    fn one_bad_look_opens_nothing_and_one_good_look_clears_nothing() {
        use Health::{Critical, Ok, Unknown, Warning};
        assert_eq!(looks(&[Critical, Ok, Critical, Ok]), [None, None, None, None]);
        let changes = looks(&[Warning, Unknown, Critical, Ok, Critical, Ok, Ok, Ok]);
        let expected = [None, None, Some(Change::Opened), None, Some(Change::Again), None, Some(Change::Cleared), None];
        assert_eq!(changes, expected);
    }
}
