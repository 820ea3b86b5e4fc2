//! `script-host`: what a script says while it runs goes to the supervisor at once; too much of it is left out.

use std::time::{Duration, Instant};

use fitment_domain::run::{FromRunner, Told};
use fitment_domain::text::disturbs;

use crate::contract::offered::script_host::Host;
use crate::state::RunState;

const LINE_CHARS_MAX: usize = 200;
/// The shortest time between two lines of progress; nobody reads faster.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
const SAVINGS_MAX: u32 = 10;
/// A month of work.
const SAVED_S_MAX: u32 = 160 * 3_600;

/// What a script said so far.
#[derive(Debug, Default)]
pub(crate) struct Telling {
    last_progress: Option<Instant>,
    finished: bool,
    savings: u32,
}

impl Host for RunState {
    fn progress(&mut self, percent: u8, message: String) -> wasmtime::Result<()> {
        self.host_call()?;
        let percent = percent.min(100);
        let just_now = self.telling.last_progress.is_some_and(|last| last.elapsed() < PROGRESS_EVERY);
        // On a simulated device the same is told in every run, however fast this machine is.
        let soon = just_now && self.simulated.is_none();
        // The last line is the one that must not be missed.
        let finishes = percent == 100 && !self.telling.finished;
        if !soon || finishes {
            self.telling.finished |= finishes;
            self.telling.last_progress = Some(Instant::now());
            self.tell(Told::Progress { percent, message: line(&message) });
        }
        Ok(())
    }

    fn automation_saved(&mut self, seconds: u32, reason: String) -> wasmtime::Result<()> {
        self.host_call()?;
        if self.telling.savings < SAVINGS_MAX {
            self.telling.savings += 1;
            self.tell(Told::AutomationSaved { seconds: seconds.min(SAVED_S_MAX), reason: line(&reason) });
        }
        Ok(())
    }
}

impl RunState {
    fn tell(&self, told: Told) {
        self.supervisor.send(FromRunner::Told { run: self.run, told });
    }
}

fn line(text: &str) -> String {
    text.chars().take(LINE_CHARS_MAX).map(|c| if disturbs(c) { ' ' } else { c }).collect()
}
