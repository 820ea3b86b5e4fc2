//! `logging`: lines with a byte budget; the newest are kept, because the end of a run is what explains it.

use std::collections::VecDeque;

use fitment_domain::run::{LogLevel, LogLine};
use fitment_domain::text::disturbs;

use crate::contract::offered::logging::{Host, Level};
use crate::state::RunState;

/// One line is cut to this many bytes.
const LINE_BYTES_MAX: usize = 4096;
/// What a line costs besides its text, so that empty lines are not free.
const LINE_OVERHEAD_BYTES: u64 = 16;

/// The lines of one run.
#[derive(Debug, Default)]
pub(crate) struct LogRing {
    lines: VecDeque<LogLine>,
    bytes: u64,
    bytes_max: u64,
    dropped_bytes: u64,
}

impl LogRing {
    /// Makes an empty ring with a budget.
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    /// Keeps a line; drops the oldest lines that no longer fit.
    pub(crate) fn push(&mut self, level: LogLevel, message: &str) {
        let end = message.floor_char_boundary(LINE_BYTES_MAX);
        self.dropped_bytes += (message.len() - end) as u64;
        // A line is one line: what moves a terminal's cursor is shown, not sent.
        let shown = |c: char| match c {
            '\n' => ' ',
            c if disturbs(c) && c != '\t' => '\u{fffd}',
            c => c,
        };
        let message: String = message[..end].chars().map(shown).collect();
        self.bytes += cost(&message);
        self.lines.push_back(LogLine { level, message });
        while self.bytes > self.bytes_max {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= cost(&oldest.message);
            self.dropped_bytes += oldest.message.len() as u64;
        }
    }

    /// Returns the kept bytes and the dropped bytes.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.bytes, self.dropped_bytes)
    }

    /// Takes the lines out, oldest first.
    pub(crate) fn into_lines(self) -> Vec<LogLine> {
        self.lines.into()
    }
}

fn cost(message: &str) -> u64 {
    message.len() as u64 + LINE_OVERHEAD_BYTES
}

impl Host for RunState {
    fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.host_call()?;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.log.push(level, &message);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_the_rest_is_counted() {
        let mut ring = LogRing::new(3 * (10 + LINE_OVERHEAD_BYTES));
        for number in 0..5 {
            ring.push(LogLevel::Info, &format!("line {number} ..."));
        }
        assert_eq!(ring.bytes().1, 20);
        let lines = ring.into_lines();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2].message, "line 4 ...");
    }
}
