//! One execution that somebody asked for, from the request to its end: which steps there are, and which there are not.
//!
//! At most one run: the server lets a device start once, for one start key; the device writes that down before it runs.

use serde::{Deserialize, Serialize};

use crate::run::ScriptOutcome;
use crate::time::UnixMs;

/// How long the server waits for word of a run after the longest time that it may take, in milliseconds. A device that is away
/// for longer may still report later; until then nobody knows.
pub const SILENCE_MS_MAX: u64 = 10 * 60 * 1000;
/// The most characters of a progress line.
pub const PROGRESS_CHARS_MAX: usize = 500;
/// The most named values of one outcome, and the most bytes of all of them and the summary together.
pub const OUTPUT_VALUES_MAX: usize = 200;
/// See `OUTPUT_VALUES_MAX`.
pub const OUTPUT_BYTES_MAX: usize = 256 * 1024;
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Where an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The device has not been told yet.
    Waiting,
    /// The device was told its transaction id.
    Offered,
    /// The device holds the order.
    Fetched,
    /// The device was let start, and runs it.
    Started,
    /// It came to its end; the outcome says whether anything changed.
    Done,
    /// It could not run, or did not come to its end.
    Failed,
    /// It began, and what became of it cannot be known; it is never repeated.
    OutcomeUnknown,
    /// The deadline passed before it began.
    Expired,
    /// Somebody took it back before it began.
    Cancelled,
}

impl State {
    /// Every state, in the order in which they follow each other.
    pub const ALL: [State; 9] = [
        State::Waiting,
        State::Offered,
        State::Fetched,
        State::Started,
        State::Done,
        State::Failed,
        State::OutcomeUnknown,
        State::Expired,
        State::Cancelled,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Offered => "offered",
            State::Fetched => "fetched",
            State::Started => "started",
            State::Done => "done",
            State::Failed => "failed",
            State::OutcomeUnknown => "outcome-unknown",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
        }
    }

    /// Reads a state by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Returns whether nothing more is to be waited for.
    pub fn is_over(self) -> bool {
        !matches!(self, State::Waiting | State::Offered | State::Fetched | State::Started)
    }

    /// Returns whether a device that asks for work is told of it.
    pub fn is_open(self) -> bool {
        matches!(self, State::Waiting | State::Offered | State::Fetched)
    }
}

/// What happens to an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The device is told the transaction id.
    Offer,
    /// The device fetches the order, perhaps once more.
    Fetch,
    /// The device asks to start; `again` with the start key that it was let start with before.
    Start { again: bool },
    /// The device says how far it is.
    Progress,
    /// The requester takes it back.
    Cancel,
    /// What was asked may not run there any more: the server refuses to hand it out.
    Withdraw,
    /// The device says how it ended.
    End(Ended),
}

/// How an execution ended, in the device's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    Failed,
    OutcomeUnknown,
    Expired,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    To(State),
    /// It was so already.
    Stays,
}

/// Why something does not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoStep {
    #[error("the execution has started already")]
    Started,
    #[error("the execution is over: it is {}", .0.as_str())]
    Over(State),
    #[error("the order was not fetched")]
    NotFetched,
    #[error("the execution has not started")]
    NotStarted,
}

impl NoStep {
    /// Returns its stable code.
    pub fn code(self) -> &'static str {
        match self {
            NoStep::Started => "already-started",
            NoStep::Over(_) => "execution-over",
            NoStep::NotFetched => "not-fetched",
            NoStep::NotStarted => "not-started",
        }
    }
}

/// Decides what an event does to an execution.
///
/// What the device says about an end outranks what the server assumed without it: a late result replaces "expired",
/// "cancelled" and "unknown". What the device has said once stays.
pub fn step(state: State, event: Event) -> Result<Step, NoStep> {
    use State as S;
    match event {
        Event::End(ended) => Ok(end(state, ended)),
        _ if state.is_over() => Err(NoStep::Over(state)),
        Event::Offer => match state {
            S::Waiting => Ok(Step::To(S::Offered)),
            S::Started => Err(NoStep::Started),
            _ => Ok(Step::Stays),
        },
        Event::Fetch => match state {
            S::Fetched => Ok(Step::Stays),
            S::Started => Err(NoStep::Started),
            _ => Ok(Step::To(S::Fetched)),
        },
        Event::Start { again } => match state {
            S::Fetched => Ok(Step::To(S::Started)),
            S::Started if again => Ok(Step::Stays),
            S::Started => Err(NoStep::Started),
            _ => Err(NoStep::NotFetched),
        },
        Event::Progress if state == S::Started => Ok(Step::Stays),
        Event::Progress => Err(NoStep::NotStarted),
        Event::Cancel | Event::Withdraw if state == S::Started => Err(NoStep::Started),
        Event::Cancel => Ok(Step::To(S::Cancelled)),
        Event::Withdraw => Ok(Step::To(S::Failed)),
    }
}

fn end(state: State, ended: Ended) -> Step {
    use State as S;
    let said = match ended {
        Ended::Done => S::Done,
        Ended::Failed => S::Failed,
        Ended::OutcomeUnknown => S::OutcomeUnknown,
        Ended::Expired => S::Expired,
    };
    let settled = match said {
        S::Done | S::Failed => matches!(state, S::Done | S::Failed),
        // These two know less than any end that is there.
        _ => state.is_over(),
    };
    if settled { Step::Stays } else { Step::To(said) }
}

/// What the passing of time depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocked {
    pub state: State,
    pub deliver_by: UnixMs,
    pub started: Option<UnixMs>,
    /// The longest that the run may take, in milliseconds.
    pub wall_ms_max: u64,
}

/// Returns where an execution stands at a time. What has not started by its deadline has expired: nobody is let start later.
pub fn at(clocked: Clocked, now: UnixMs) -> State {
    match (clocked.state, clocked.started) {
        (state, _) if state.is_open() && clocked.deliver_by < now => State::Expired,
        (State::Started, Some(started)) => {
            let silent_from = started.plus_ms(clocked.wall_ms_max.saturating_add(SILENCE_MS_MAX));
            if silent_from < now { State::OutcomeUnknown } else { State::Started }
        }
        (state, _) => state,
    }
}

/// How an execution ended, as the device tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Done(ScriptOutcome),
    /// The kind of the end, and the words for people.
    Failed {
        kind: String,
        message: String,
    },
    /// The agent was interrupted while it ran.
    OutcomeUnknown,
    /// The deadline passed before it began.
    Expired,
}

impl Ending {
    /// Returns which end it is.
    pub fn ended(&self) -> Ended {
        match self {
            Ending::Done(_) => Ended::Done,
            Ending::Failed { .. } => Ended::Failed,
            Ending::OutcomeUnknown => Ended::OutcomeUnknown,
            Ending::Expired => Ended::Expired,
        }
    }

    /// Returns what is wrong with it; none if it is sound.
    pub fn problem(&self) -> Option<String> {
        match self {
            Ending::Done(outcome) => {
                let values: usize = outcome.output.iter().map(|(name, value)| name.len() + value.len()).sum();
                let bytes = values + outcome.summary.len();
                if outcome.output.len() > OUTPUT_VALUES_MAX {
                    return Some(format!("output: {} values, at most {OUTPUT_VALUES_MAX}", outcome.output.len()));
                }
                (bytes > OUTPUT_BYTES_MAX).then(|| format!("output: {bytes} bytes, at most {OUTPUT_BYTES_MAX}"))
            }
            Ending::Failed { kind, .. } if crate::tenant::check_identifier("kind", kind).is_err() => {
                Some("ending.failed.kind must be 2 to 40 characters of a-z, 0-9 and hyphens".to_owned())
            }
            Ending::Failed { message, .. } if message.len() > MESSAGE_BYTES_MAX => {
                Some(format!("ending.failed.message: {} bytes, at most {MESSAGE_BYTES_MAX}", message.len()))
            }
            Ending::Failed { .. } | Ending::OutcomeUnknown | Ending::Expired => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [(&str, Event); 11] = [
        ("offer", Event::Offer),
        ("fetch", Event::Fetch),
        ("start", Event::Start { again: false }),
        ("again", Event::Start { again: true }),
        ("progress", Event::Progress),
        ("cancel", Event::Cancel),
        ("withdraw", Event::Withdraw),
        ("done", Event::End(Ended::Done)),
        ("failed", Event::End(Ended::Failed)),
        ("unknown", Event::End(Ended::OutcomeUnknown)),
        ("expired", Event::End(Ended::Expired)),
    ];

    /// One row per state, one column per event: the new state, `=` for "stays", or the code of the refusal.
    const TABLE: &str = "\
                offer        fetch        start        again        progress     cancel       withdraw     done  failed  unknown          expired
waiting         offered      fetched      not-fetched  not-fetched  not-started  cancelled    failed       done  failed  outcome-unknown  expired
offered         =            fetched      not-fetched  not-fetched  not-started  cancelled    failed       done  failed  outcome-unknown  expired
fetched         =            =            started      started      not-started  cancelled    failed       done  failed  outcome-unknown  expired
started         started!     started!     started!     =            =            started!     started!     done  failed  outcome-unknown  expired
done            over         over         over         over         over         over         over         =     =       =                =
failed          over         over         over         over         over         over         over         =     =       =                =
outcome-unknown over         over         over         over         over         over         over         done  failed  =                =
expired         over         over         over         over         over         over         over         done  failed  =                =
cancelled       over         over         over         over         over         over         over         done  failed  =                =
";

    #[test]
    fn every_cell_of_the_table_is_as_written() {
        let mut lines = TABLE.lines();
        let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(names, EVENTS.map(|(name, _)| name));
        let mut rows = 0;
        for line in lines {
            let mut words = line.split_whitespace();
            let state = words.next().and_then(State::parse).expect("a state");
            for ((name, event), wanted) in EVENTS.iter().zip(words) {
                let got = match step(state, *event) {
                    Ok(Step::To(next)) => next.as_str(),
                    Ok(Step::Stays) => "=",
                    Err(NoStep::Started) => "started!",
                    Err(NoStep::Over(_)) => "over",
                    Err(other) => other.code(),
                };
                assert_eq!(got, wanted, "{} × {name}", state.as_str());
            }
            rows += 1;
        }
        assert_eq!(rows, State::ALL.len());
    }

    #[test]
    fn time_expires_what_has_not_started_and_nothing_else() {
        for state in State::ALL {
            let clocked = Clocked { state, deliver_by: UnixMs(1_000), started: Some(UnixMs(500)), wall_ms_max: 2_000 };
            assert_eq!(at(clocked, UnixMs(1_000)), state);
            let late = at(clocked, UnixMs(1_001));
            assert_eq!(late, if state.is_open() { State::Expired } else { state }, "{}", state.as_str());
        }
        let started =
            Clocked { state: State::Started, deliver_by: UnixMs(0), started: Some(UnixMs(500)), wall_ms_max: 2_000 };
        let until = UnixMs(500).plus_ms(2_000 + SILENCE_MS_MAX);
        assert_eq!(at(started, until), State::Started);
        assert_eq!(at(started, until.plus_ms(1)), State::OutcomeUnknown);
    }

    #[test]
    fn nothing_leads_back_to_a_state_from_which_it_could_run_again() {
        let order = |state: State| State::ALL.iter().position(|s| *s == state);
        for state in State::ALL {
            for (name, event) in EVENTS {
                if let Ok(Step::To(next)) = step(state, event) {
                    assert!(next.is_over() || order(next) > order(state), "{} × {name}", state.as_str());
                }
            }
        }
    }
}
