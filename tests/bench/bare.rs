//! The peer: bare wasmtime in a process of its own, told block by block how many runs to make.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Failure;

/// A running `fitment-bare`; dropping it ends the process.
pub(crate) struct Bare {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Bare {
    /// Starts it on a component and a configuration.
    pub(crate) fn start(program: &Path, component: &Path, config: &str) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.arg(component).arg(config);
        Self::run(program, command)
    }

    /// Starts it on a component that is compiled at an optimisation level and burns fuel, as behind the runner.
    pub(crate) fn start_at(program: &Path, level: &str, component: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command.args(["run", level]).arg(component);
        Self::run(program, command)
    }

    fn run(program: &Path, mut command: Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{} cannot be started: {e}", program.display()))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peer has no pipes".into());
        };
        Ok(Self { child, input, output: BufReader::new(output) })
    }

    /// Returns the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes a block of fresh runs and returns the nanoseconds of each.
    pub(crate) fn block(&mut self, runs: usize) -> Result<Vec<u64>, Failure> {
        writeln!(self.input, "{runs}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let times: Vec<u64> = serde_json::from_str(&line).map_err(|e| format!("the peer answered {line:?}: {e}"))?;
        if times.len() != runs {
            return Err(format!("the peer made {} runs of {runs}", times.len()).into());
        }
        Ok(times)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
