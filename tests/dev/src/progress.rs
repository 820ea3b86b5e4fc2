//! One line per step, with its outcome and how long it took.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::machine::NeedsPerson;

/// How often a step that says nothing by itself says that it is alive, when nobody watches a terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// Counts steps and prints them as `[2/9] name … outcome (2.3 s)`.
pub(crate) struct Steps {
    total: usize,
    begun: usize,
    /// Names of the steps that ended badly.
    pub(crate) failed: Vec<String>,
}

/// Lets a running step say what it is doing.
pub(crate) struct Reporter {
    head: String,
    terminal: bool,
    line_open: bool,
    last: Instant,
    since: Instant,
}

impl Steps {
    /// Starts a count of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self { total, begun: 0, failed: Vec::new() }
    }

    /// Runs one step; its outcome is the text after the dots.
    pub(crate) fn run(&mut self, name: &str, work: impl FnOnce(&mut Reporter) -> Result<String>) -> Result<()> {
        self.begun += 1;
        let mut reporter = Reporter::begin(format!("[{}/{}] {name} …", self.begun, self.total));
        let outcome = work(&mut reporter);
        match &outcome {
            Ok(text) => reporter.end(text),
            Err(error) => {
                let wanted = error.is::<NeedsPerson>();
                reporter.end(if wanted { "MISSING" } else { "FAILED" });
                for line in format!("{error:#}").lines() {
                    println!("      {line}");
                }
                self.failed.push(name.to_owned());
                // The reason is on the screen: whoever ends because of it need not say it again.
                if !wanted {
                    bail!("{name} failed, see above");
                }
            }
        }
        outcome.map(|_| ())
    }

    /// Names a step that is not begun because an earlier one failed.
    pub(crate) fn not_run(&mut self, name: &str, because: &str) {
        self.begun += 1;
        println!("[{}/{}] {name} … NOT RUN: {because}", self.begun, self.total);
        self.failed.push(name.to_owned());
    }
}

impl Reporter {
    fn begin(head: String) -> Self {
        let now = Instant::now();
        let mut reporter =
            Self { head, terminal: std::io::stdout().is_terminal(), line_open: true, last: now, since: now };
        reporter.print(&reporter.head.clone());
        reporter
    }

    /// Shows a short text: at once on a terminal, now and then in a log.
    pub(crate) fn says(&mut self, text: &str) {
        if self.terminal {
            if self.last.elapsed() > Duration::from_millis(100) {
                self.last = Instant::now();
                let line: String = format!("{} {text}", self.head).chars().take(110).collect();
                self.print(&format!("\r\x1b[2K{line}"));
            }
        } else if self.last.elapsed() > SIGN_OF_LIFE {
            self.last = Instant::now();
            let opening = if std::mem::take(&mut self.line_open) { "\n" } else { "" };
            self.print(&format!("{opening}      … {text} ({})\n", duration(self.since.elapsed())));
        }
    }

    fn end(&mut self, outcome: &str) {
        let took = duration(self.since.elapsed());
        let head = match (self.terminal, self.line_open) {
            (true, _) => format!("\r\x1b[2K{}", self.head),
            (false, true) => String::new(),
            (false, false) => self.head.clone(),
        };
        self.print(&format!("{head} {outcome} ({took})\n"));
    }

    fn print(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        // A closed pipe at the reader's side is no reason to end a verification.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// Writes a duration for people: `2.3 s`, `4 min 05 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}
