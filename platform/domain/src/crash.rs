//! What becomes of an accessory that keeps failing on a device: it rests, longer each time; and one that takes the runner with it
//! is not run again there. Time is an argument, and what was seen is a value that survives restarts.

use serde::{Deserialize, Serialize};

use crate::time::{DAY_MS, HOUR_MS, SECOND_MS, UnixMs};

/// So many traps and bounds reached, within [`STOPS_WINDOW_MS`], and an installation rests.
pub const STOPS_MAX: usize = 3;
pub const STOPS_WINDOW_MS: u64 = 600 * SECOND_MS;
/// The first rest; each one that brings no better run is twice as long, up to the longest.
pub const REST_MS_MIN: u64 = 60 * SECOND_MS;
pub const REST_MS_MAX: u64 = HOUR_MS;
/// So many runners lost, within [`LOSSES_WINDOW_MS`], and a release is quarantined on the device.
pub const LOSSES_MAX: usize = 2;
pub const LOSSES_WINDOW_MS: u64 = HOUR_MS;
/// After this it is tried again.
pub const QUARANTINE_MS: u64 = DAY_MS;
/// A release that is quarantined on so many devices within [`SIGNAL_WINDOW_MS`] is told to its publisher and to the operators.
pub const SIGNAL_DEVICES: i64 = 3;
/// They are devices of so many MSPs: what one says of a release is no proof.
pub const SIGNAL_MSPS: i64 = 2;
pub const SIGNAL_WINDOW_MS: u64 = 7 * DAY_MS;

/// The kind of the result of a run that was left out because its installation rests.
pub const BACKING_OFF: &str = "backing-off";
/// The kind of the result of a run that was left out because its release is quarantined on the device.
pub const QUARANTINED: &str = "quarantined";

const FRAMES_MAX: usize = 40;
const LINE_CHARS_MAX: usize = 200;

/// Returns what a publisher may read of a trap: its kind and the frames, without a word that the guest made while it ran.
pub fn trap_words(message: &str) -> String {
    let ours = |line: &&str| line.starts_with("wasm trap: ") || is_frame(line);
    let told = message.lines().map(str::trim).filter(ours).take(FRAMES_MAX);
    let told: Vec<String> =
        told.map(|line| line.chars().filter(|c| !c.is_control()).take(LINE_CHARS_MAX).collect()).collect();
    if told.is_empty() { "trapped; its frames have no names".to_owned() } else { told.join("\n") }
}

/// `0:   0x1a2b - module!function`
fn is_frame(line: &str) -> bool {
    let Some((number, rest)) = line.split_once(':') else { return false };
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && rest.trim_start().starts_with("0x")
        && rest.contains(" - ")
}

/// What came of a run, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It ended by itself, whatever it said.
    Ended,
    /// It trapped, or a bound of its budget ended it.
    Stopped,
    /// The runner went away under it.
    RunnerLost,
}

/// Whether a run may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Run,
    /// With nobody else in the runner: should it be lost again, it is known by whom.
    RunAlone,
    Rest {
        until: UnixMs,
    },
    Quarantined {
        until: UnixMs,
    },
}

/// How the runs of one installation were stopped lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stops {
    recent: Vec<UnixMs>,
    /// The last rest, in milliseconds; 0 before the first.
    rest_ms: u64,
    rests_until: Option<UnixMs>,
}

impl Stops {
    /// Takes the end of a run into account.
    #[must_use]
    pub fn after(mut self, ending: Ending, now: UnixMs) -> Self {
        match ending {
            Ending::Ended => Self::default(),
            Ending::RunnerLost => self,
            Ending::Stopped => {
                self.recent.retain(|at| is_within(*at, STOPS_WINDOW_MS, now));
                self.recent.push(now);
                // Whoever was rested already has no further chances: the next rest is longer.
                if self.rest_ms > 0 || self.recent.len() >= STOPS_MAX {
                    self.rest_ms = self.rest_ms.saturating_mul(2).clamp(REST_MS_MIN, REST_MS_MAX);
                    self.rests_until = Some(now.plus_ms(self.rest_ms));
                    self.recent.clear();
                }
                self
            }
        }
    }

    fn rest(&self, now: UnixMs) -> Option<UnixMs> {
        // A rest that lies further ahead than any rest is one of a clock that was set back.
        self.rests_until.filter(|until| now < *until && until.since_ms(now) <= REST_MS_MAX)
    }
}

/// How often a release lost the runner lately.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Losses {
    recent: Vec<UnixMs>,
    quarantined: Option<UnixMs>,
}

impl Losses {
    /// Takes the end of a run into account. A runner that was lost while several were in it makes each of them suspect; a release
    /// is quarantined for one that it lost alone.
    #[must_use]
    pub fn after(mut self, ending: Ending, alone: bool, now: UnixMs) -> Self {
        if ending == Ending::RunnerLost {
            self.recent.retain(|at| is_within(*at, LOSSES_WINDOW_MS, now));
            self.recent.push(now);
            if alone && self.recent.len() >= LOSSES_MAX {
                self = Self { recent: Vec::new(), quarantined: Some(now) };
            }
            let surplus = self.recent.len().saturating_sub(LOSSES_MAX);
            self.recent.drain(..surplus);
        }
        self
    }

    fn quarantined_until(&self, now: UnixMs) -> Option<UnixMs> {
        self.quarantined.filter(|since| is_within(*since, QUARANTINE_MS, now)).map(|since| since.plus_ms(QUARANTINE_MS))
    }

    fn is_suspect(&self, now: UnixMs) -> bool {
        self.recent.iter().any(|at| is_within(*at, LOSSES_WINDOW_MS, now))
    }

    /// Returns whether there is nothing to remember any more.
    pub fn is_over(&self, now: UnixMs) -> bool {
        self.quarantined_until(now).is_none() && !self.is_suspect(now)
    }

    /// Forgets a quarantine that began before somebody said that the release may be tried again.
    #[must_use]
    pub fn lifted(self, at: UnixMs) -> Self {
        if self.quarantined.is_some_and(|since| since < at) { Self::default() } else { self }
    }
}

/// Decides about the next run of an installation of a release.
pub fn verdict(stops: &Stops, losses: &Losses, now: UnixMs) -> Verdict {
    match (losses.quarantined_until(now), stops.rest(now)) {
        (Some(until), _) => Verdict::Quarantined { until },
        (None, Some(until)) => Verdict::Rest { until },
        (None, None) if losses.is_suspect(now) => Verdict::RunAlone,
        (None, None) => Verdict::Run,
    }
}

/// A time that has not come yet is one of a clock that was set back: it is within nothing.
fn is_within(at: UnixMs, window_ms: u64, now: UnixMs) -> bool {
    at <= now && now.since_ms(at) < window_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn at(minutes: u64) -> UnixMs {
        UnixMs(1_700_000_000_000).plus_ms(minutes * MINUTE_MS)
    }

    fn stopped(stops: Stops, minutes: u64) -> Stops {
        stops.after(Ending::Stopped, at(minutes))
    }

    fn rest(stops: &Stops, minutes: u64) -> Option<u64> {
        match verdict(stops, &Losses::default(), at(minutes)) {
            Verdict::Rest { until } => Some(until.since_ms(at(minutes))),
            _ => None,
        }
    }

    #[test]
    fn three_stops_in_ten_minutes_bring_a_rest_that_doubles_until_a_run_ends_by_itself() {
        let two = stopped(stopped(Stops::default(), 0), 4);
        assert_eq!(rest(&two, 4), None);
        // Further apart they are single mishaps.
        assert_eq!(rest(&stopped(two.clone(), 10), 10), None);
        let mut stops = stopped(two, 9);
        let mut now = 9;
        for rest_minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(rest(&stops, now), Some(rest_minutes * MINUTE_MS));
            now += rest_minutes;
            assert_eq!(rest(&stops, now), None, "it is over");
            stops = stopped(stops, now);
        }
        let ended = stops.clone().after(Ending::Ended, at(now));
        assert_eq!((rest(&ended, now), ended), (None, Stops::default()));
        // A clock that was set back by days prolongs no rest.
        assert_eq!(verdict(&stops, &Losses::default(), UnixMs(1_600_000_000_000)), Verdict::Run);
    }

    #[test]
    fn a_release_that_loses_the_runner_twice_in_an_hour_is_quarantined_for_a_day() {
        let lost = |losses: Losses, alone, minutes| losses.after(Ending::RunnerLost, alone, at(minutes));
        let of = |losses: &Losses, minutes| verdict(&Stops::default(), losses, at(minutes));
        let once = lost(Losses::default(), false, 0);
        assert_eq!((of(&once, 0), of(&once, 59), of(&once, 60)), (Verdict::RunAlone, Verdict::RunAlone, Verdict::Run));
        let twice = lost(once.clone(), true, 59);
        let until = at(59).plus_ms(QUARANTINE_MS);
        assert_eq!(of(&twice, 59), Verdict::Quarantined { until });
        assert_eq!(of(&twice, 59 + 24 * 60 - 1), Verdict::Quarantined { until });
        assert_eq!(of(&twice, 59 + 24 * 60), Verdict::Run);
        assert!(!twice.is_over(at(60)) && twice.is_over(at(60 + 24 * 60)));
        // Not within one hour, not alone, or ended well in between.
        assert_eq!(of(&lost(once.clone(), true, 60), 60), Verdict::RunAlone);
        let in_company = lost(lost(once.clone(), false, 1), false, 2);
        assert_eq!(of(&in_company, 2), Verdict::RunAlone);
        let between = once.after(Ending::Ended, true, at(1));
        assert!(matches!(of(&lost(between, true, 2), 2), Verdict::Quarantined { .. }), "one good run proves nothing");
        assert_eq!(of(&twice.clone().lifted(at(58)), 60), Verdict::Quarantined { until });
        assert_eq!(of(&twice.lifted(at(60)), 60), Verdict::Run);
    }

    #[test]
    fn a_publisher_reads_the_kind_of_a_trap_and_its_frames_alone() {
        let message = "panicked at src/lib.rs:9:5: no such customer: Miller 0: 0x1 - x!y\nwasm trap: wasm `unreachable` instruction executed\nerror while executing at wasm backtrace:\n    0:   0x2a - acme_disk.wasm!core::panicking::panic\nsomething else: Miller";
        assert_eq!(
            trap_words(message),
            "wasm trap: wasm `unreachable` instruction executed\n0:   0x2a - acme_disk.wasm!core::panicking::panic"
        );
        assert_eq!(trap_words("panicked at x: Miller"), "trapped; its frames have no names");
    }

    #[test]
    fn a_quarantine_goes_before_a_rest() {
        let stops = stopped(stopped(stopped(Stops::default(), 0), 0), 0);
        let losses = Losses { recent: Vec::new(), quarantined: Some(at(0)) };
        assert!(matches!(verdict(&stops, &losses, at(0)), Verdict::Quarantined { .. }));
    }
}
