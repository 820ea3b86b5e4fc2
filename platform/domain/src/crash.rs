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
/// So many runners lost, within [`LOSSES_WINDOW_MS`], the last of them alone, and a release is quarantined on the device.
pub const LOSSES_MAX: usize = 2;
/// For so long a loss is remembered.
pub const LOSSES_WINDOW_MS: u64 = 30 * DAY_MS;
/// How long a release runs alone after the first loss that is remembered, after the second, and after each further one: whoever waits
/// until it has company again has to wait for ever longer.
pub const ALONE_MS: [u64; 3] = [HOUR_MS, 2 * DAY_MS, 7 * DAY_MS];
/// Runs that were lost within this time of each other were lost with one runner.
const ONE_LOSS_MS: u64 = 10 * SECOND_MS;
const LOSSES_KEPT_MAX: usize = 8;
/// After this a quarantined release is tried again.
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
    /// The kernel killed the runner because memory was short on the device.
    RunnerStarved,
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
    /// Takes the end of a run into account. A runner that was killed for want of memory with one run in it counts as a bound of memory
    /// that this run reached; with several in it nobody knows.
    #[must_use]
    pub fn after(mut self, ending: Ending, alone: bool, now: UnixMs) -> Self {
        match ending {
            Ending::Ended => Self::default(),
            Ending::RunnerStarved if !alone => self,
            Ending::RunnerLost => self,
            Ending::Stopped | Ending::RunnerStarved => {
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
    /// When the runner was last killed under it for want of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    starved: Option<UnixMs>,
}

impl Losses {
    /// Takes the end of a run into account. A runner that was lost while several were in it makes each of them suspect; a release
    /// is quarantined for one that it lost alone. Want of memory makes nobody suspect of more than wanting it.
    #[must_use]
    pub fn after(mut self, ending: Ending, alone: bool, now: UnixMs) -> Self {
        match ending {
            Ending::Ended | Ending::Stopped => {}
            Ending::RunnerStarved => self.starved = Some(now),
            Ending::RunnerLost => {
                self.recent.retain(|at| is_within(*at, LOSSES_WINDOW_MS, now));
                self.recent.push(now);
                if alone && self.recent.len() >= LOSSES_MAX {
                    self.quarantined = Some(now);
                }
                let surplus = self.recent.len().saturating_sub(LOSSES_KEPT_MAX);
                self.recent.drain(..surplus);
            }
        }
        self
    }

    /// Takes back what another release turned out to have done, with whose runner it was lost.
    #[must_use]
    pub fn cleared_of(mut self, culprit: &Losses) -> Self {
        let same = |one: &UnixMs, other: &UnixMs| one.since_ms(*other).max(other.since_ms(*one)) <= ONE_LOSS_MS;
        self.recent.retain(|at| !culprit.recent.iter().any(|other| same(at, other)));
        self
    }

    fn quarantined_until(&self, now: UnixMs) -> Option<UnixMs> {
        self.quarantined.filter(|since| is_within(*since, QUARANTINE_MS, now)).map(|since| since.plus_ms(QUARANTINE_MS))
    }

    /// Returns whether it is not run now.
    pub fn is_quarantined(&self, now: UnixMs) -> bool {
        self.quarantined_until(now).is_some()
    }

    fn runs_alone(&self, now: UnixMs) -> bool {
        let remembered = self.remembered(now);
        let [first, .., longest] = ALONE_MS;
        let alone_ms = ALONE_MS.get(remembered.saturating_sub(1)).copied().unwrap_or(longest);
        let lost = self.recent.iter().max().is_some_and(|last| is_within(*last, alone_ms, now));
        lost || self.starved.is_some_and(|at| is_within(at, first, now))
    }

    fn remembered(&self, now: UnixMs) -> usize {
        self.recent.iter().filter(|at| is_within(**at, LOSSES_WINDOW_MS, now)).count()
    }

    /// Returns whether there is nothing to remember any more.
    pub fn is_over(&self, now: UnixMs) -> bool {
        !self.is_quarantined(now) && !self.runs_alone(now) && self.remembered(now) == 0
    }

    /// Ends a quarantine: somebody said that the release may be tried again. It runs alone at first, and is quarantined again for one
    /// loss.
    #[must_use]
    pub fn lifted(self) -> Self {
        Self { quarantined: None, ..self }
    }
}

/// Decides about the next run of an installation of a release.
pub fn verdict(stops: &Stops, losses: &Losses, now: UnixMs) -> Verdict {
    match (losses.quarantined_until(now), stops.rest(now)) {
        (Some(until), _) => Verdict::Quarantined { until },
        (None, Some(until)) => Verdict::Rest { until },
        (None, None) if losses.runs_alone(now) => Verdict::RunAlone,
        (None, None) => Verdict::Run,
    }
}

/// A time that has not come yet is one of a clock that was set back: it is within nothing.
fn is_within(at: UnixMs, window_ms: u64, now: UnixMs) -> bool {
    at <= now && now.since_ms(at) < window_ms
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE_MS: u64 = 60_000;

    fn at(minutes: u64) -> UnixMs {
        UnixMs(1_700_000_000_000).plus_ms(minutes * MINUTE_MS)
    }

    fn stopped(stops: Stops, minutes: u64) -> Stops {
        stops.after(Ending::Stopped, false, at(minutes))
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
        let ended = stops.clone().after(Ending::Ended, false, at(now));
        assert_eq!((rest(&ended, now), ended), (None, Stops::default()));
        // A clock that was set back by days prolongs no rest.
        assert_eq!(verdict(&stops, &Losses::default(), UnixMs(1_600_000_000_000)), Verdict::Run);
    }

    const DAY: u64 = 24 * 60;

    fn lost(losses: Losses, alone: bool, minutes: u64) -> Losses {
        losses.after(Ending::RunnerLost, alone, at(minutes))
    }

    fn of(losses: &Losses, minutes: u64) -> Verdict {
        verdict(&Stops::default(), losses, at(minutes))
    }

    #[test]
    fn a_release_that_loses_the_runner_again_and_alone_is_quarantined_for_a_day() {
        let once = lost(Losses::default(), false, 0);
        assert_eq!((of(&once, 0), of(&once, 59), of(&once, 60)), (Verdict::RunAlone, Verdict::RunAlone, Verdict::Run));
        let twice = lost(once.clone(), true, 59);
        let until = at(59).plus_ms(QUARANTINE_MS);
        assert_eq!(of(&twice, 59), Verdict::Quarantined { until });
        assert_eq!(of(&twice, 59 + DAY - 1), Verdict::Quarantined { until });
        // Then it is tried, alone, and goes for a single loss; left alone for long enough it is like any other.
        assert_eq!((of(&twice, 59 + DAY), of(&twice, 59 + 2 * DAY)), (Verdict::RunAlone, Verdict::Run));
        assert!(matches!(of(&lost(twice.clone(), true, 60 + DAY), 60 + DAY), Verdict::Quarantined { .. }));
        assert!(!twice.is_over(at(58 + 30 * DAY)) && twice.is_over(at(59 + 30 * DAY)));
        // One good run proves nothing.
        let between = once.after(Ending::Ended, true, at(1));
        assert!(matches!(of(&lost(between, true, 2), 2), Verdict::Quarantined { .. }));
        assert_eq!(of(&twice.lifted(), 60), Verdict::RunAlone);
    }

    #[test]
    fn whoever_waits_for_company_between_losses_runs_alone_for_ever_longer() {
        let twice = lost(lost(Losses::default(), false, 0), false, 61);
        assert_eq!((of(&twice, 61), of(&twice, 60 + 2 * DAY)), (Verdict::RunAlone, Verdict::RunAlone));
        assert!(matches!(of(&lost(twice.clone(), true, 122), 122), Verdict::Quarantined { .. }));
        let third = 62 + 2 * DAY;
        assert_eq!(of(&twice, third), Verdict::Run);
        let thrice = lost(twice, false, third);
        assert_eq!((of(&thrice, third + 7 * DAY - 1), of(&thrice, third + 7 * DAY)), (Verdict::RunAlone, Verdict::Run));
    }

    #[test]
    fn want_of_memory_quarantines_nobody_and_rests_who_was_alone() {
        let starved = |losses: Losses, minutes| losses.after(Ending::RunnerStarved, true, at(minutes));
        let losses = (0..5).fold(Losses::default(), starved);
        assert_eq!((of(&losses, 5), of(&losses, 64)), (Verdict::RunAlone, Verdict::Run));
        assert!(!losses.is_over(at(63)) && losses.is_over(at(64)));
        let stops = |alone| (0..3).fold(Stops::default(), |s, m| s.after(Ending::RunnerStarved, alone, at(m)));
        assert_eq!((rest(&stops(true), 2), rest(&stops(false), 2)), (Some(MINUTE_MS), None));
    }

    proptest! {
        /// One release ends the runner whenever it likes, in company and alone; three others never do.
        #[test]
        fn whoever_ends_the_runner_costs_others_few_runs_and_nobody_else_pays(
            steps in prop::collection::vec((1_u64..4 * DAY, any::<bool>()), 1..200),
        ) {
            let (mut culprit, mut others) = (Losses::default(), [(); 3].map(|()| Losses::default()));
            let (mut now, mut in_company): (u64, Vec<u64>) = (0, Vec::new());
            for (minutes, ends_it) in steps {
                now += minutes;
                let verdict = of(&culprit, now);
                let alone = verdict == Verdict::RunAlone;
                if ends_it && matches!(verdict, Verdict::Run | Verdict::RunAlone) {
                    culprit = lost(culprit, alone, now);
                    if alone {
                        others = others.map(|other| if culprit.is_quarantined(at(now)) { other.cleared_of(&culprit) } else { other });
                    } else {
                        in_company.push(now);
                        // Those who run alone were not with it.
                        others = others.map(|other| if of(&other, now) == Verdict::Run { lost(other, false, now) } else { other });
                    }
                }
                for other in &others {
                    prop_assert!(matches!(of(other, now), Verdict::Run | Verdict::RunAlone));
                    if culprit.is_quarantined(at(now)) {
                        prop_assert_eq!(of(other, now), Verdict::Run, "it is known who it was");
                    }
                }
                let within_a_month = in_company.iter().filter(|then| now - **then < 30 * DAY).count();
                prop_assert!(within_a_month <= 6, "{} losses in company", within_a_month);
            }
        }
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
        let losses = Losses { quarantined: Some(at(0)), ..Losses::default() };
        assert!(matches!(verdict(&stops, &losses, at(0)), Verdict::Quarantined { .. }));
    }
}
