//! Other programs: run one, keep what it said, show the end of it when it failed.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// How much of a failed program's output is repeated on the screen.
const TAIL_LINES_MAX: usize = 40;

/// Says how a program ended and where all of its output is.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    log: PathBuf,
    tail: VecDeque<String>,
}

impl Finished {
    /// Turns a bad end into an error that repeats the end of the output.
    pub(crate) fn ok(&self, what: &str) -> Result<()> {
        if self.status.success() {
            return Ok(());
        }
        bail!("{what} ended with {}; {}", self.status, self.tail())
    }

    /// Returns where the output is, and its last lines.
    pub(crate) fn tail(&self) -> String {
        let lines: Vec<&str> = self.tail.iter().map(String::as_str).collect();
        format!("all of its output is in {}, which ends so:\n{}", self.log.display(), lines.join("\n"))
    }
}

/// Runs `command` without input; each line goes into `log` and to `line`.
pub(crate) fn run(mut command: Command, log: &Path, mut line: impl FnMut(&str)) -> Result<Finished> {
    let mut file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    // One pipe for both streams: the order of cargo's and the tests' lines tells which test belongs to which program.
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
    drop(command); // holds the pipe's writing end, without which reading would never come to an end

    let mut tail = VecDeque::new();
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        writeln!(file, "{text}")?;
        line(&text);
        if tail.len() == TAIL_LINES_MAX {
            tail.pop_front();
        }
        tail.push_back(text);
        bytes.clear();
    }
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    Ok(Finished { status, log: log.to_path_buf(), tail })
}

/// Returns what a short command printed, without the line end; nothing when it failed or is not there.
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Looks a program up on PATH.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}
