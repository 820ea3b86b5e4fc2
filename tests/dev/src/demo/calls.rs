//! The product's own command line, called as a person would: each call is in `logs/commands.log`.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::state::State;
use crate::workspace::Workspace;

const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Calls programs of ours in the name of the demo's accounts.
pub(crate) struct Calls<'a> {
    workspace: &'a Workspace,
    state: &'a State,
    last: RefCell<String>,
}

impl<'a> Calls<'a> {
    /// Makes a caller whose keys and profiles lie in the demo's folder.
    pub(crate) fn new(workspace: &'a Workspace, state: &'a State) -> Self {
        Self { workspace, state, last: RefCell::default() }
    }

    /// Returns a command of ours in which no variable of the caller's own Fitment counts.
    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = self.workspace.command(self.workspace.program(name));
        for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FITMENT_")) {
            command.env_remove(variable);
        }
        command.env("FITMENT_HOME", self.home()).env("NO_COLOR", "1");
        command
    }

    /// Returns the folder of keys and profiles.
    pub(crate) fn home(&self) -> PathBuf {
        self.state.path("home")
    }

    /// Calls `fitment --json` as one of the accounts, and reads its answer.
    pub(crate) fn ask(&self, profile: &str, words: &[&str]) -> Result<Value> {
        let mut command = self.program("fitment");
        command.args(["--profile", profile, "--json"]).args(words);
        let answer = self.finish(&mut command, "")?;
        serde_json::from_str(&answer).with_context(|| format!("`fitment {}` printed no JSON", words.join(" ")))
    }

    /// Runs a command to its end and returns what it printed. `input` is no part of the log.
    pub(crate) fn finish(&self, command: &mut Command, input: &str) -> Result<String> {
        let line = line_of(command);
        self.note(&line)?;
        let (out, err) = (self.state.log("call.out"), self.state.log("call.err"));
        command.stdin(Stdio::piped()).stdout(File::create(&out)?).stderr(File::create(&err)?);
        let mut child = command.spawn().with_context(|| format!("cannot start {line}"))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).with_context(|| format!("{line} takes no input"))?;
        }
        let deadline = Instant::now() + CALL_TIMEOUT;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("`{line}` did not end within {} s", CALL_TIMEOUT.as_secs());
            }
            sleep(Duration::from_millis(5));
        };
        if !status.success() {
            let said = fs::read(&err).unwrap_or_default();
            bail!("`{line}` ended with {status}:\n{}", String::from_utf8_lossy(&said).trim_end());
        }
        fs::read_to_string(&out).with_context(|| format!("`{line}` printed no text"))
    }

    /// A call that is repeated until its answer changes is noted once.
    fn note(&self, line: &str) -> Result<()> {
        if *self.last.borrow() == line {
            return Ok(());
        }
        line.clone_into(&mut self.last.borrow_mut());
        let log = OpenOptions::new().create(true).append(true).open(self.state.log("commands.log"));
        log.and_then(|mut log| writeln!(log, "{line}")).context("cannot write commands.log")
    }
}

fn line_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let words = command.get_args().map(|word| quoted(&word.to_string_lossy()));
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

/// Writes a word as a shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
