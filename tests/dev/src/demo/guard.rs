//! The programs of a demo, and the promise that neither they nor a mount outlive it.
//!
//! A small shell, in a process group that no Ctrl-C reaches, reads a pipe that this process holds. When this process ends,
//! in whatever way, the pipe closes and the shell tidies up. A demo that ends well goes the same way.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::host;
use super::state::State;
use crate::workspace::Workspace;

/// Where the shell's part is in the checkout.
const SCRIPT: &str = "tests/dev/src/demo/guard.sh";
const TAIL_LINES_MAX: usize = 12;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Names the file that holds the leader's number before the program itself begins.
const LEAD: &str = r#"echo $$ >"$0" && exec "$@""#;

/// Holds the programs that run.
pub(crate) struct Guard {
    shell: Child,
    pipe: Option<ChildStdin>,
    programs: Vec<Program>,
}

struct Program {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Guard {
    /// Starts the shell that tidies up `state`.
    pub(crate) fn start(workspace: &Workspace, state: &State) -> Result<Self> {
        let log = File::create(state.log("guard.log")).context("cannot write the guard's log")?;
        let mut command = Command::new("sh");
        command
            .arg(workspace.root.join(SCRIPT))
            .arg(&state.root)
            .arg(workspace.root.join("tests/real/request-tracker.sh"))
            .arg(workspace.root.join(host::SCRIPT));
        // Away from what it unmounts.
        command.current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut shell = command.spawn().context("cannot start sh")?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe, programs: Vec::new() })
    }

    /// Starts a program in a process group of its own; what it says goes to `logs/NAME.out` and `logs/NAME.log`.
    pub(crate) fn spawn(&mut self, state: &State, name: &'static str, command: &Command) -> Result<()> {
        let log = state.log(&format!("{name}.log"));
        let create = |path: &PathBuf| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let mut wrapped = Command::new("sh");
        wrapped
            .args(["-c", LEAD])
            .arg(state.path("pids").join(name))
            .arg(command.get_program())
            .args(command.get_args());
        for (variable, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(variable, value),
                None => wrapped.env_remove(variable),
            };
        }
        wrapped.current_dir(&state.root).process_group(0).stdin(Stdio::null());
        wrapped.stdout(create(&state.log(&format!("{name}.out")))?).stderr(create(&log)?);
        let child = wrapped.spawn().with_context(|| format!("cannot start {name}"))?;
        self.programs.push(Program { name, log, child });
        Ok(())
    }

    /// Returns how a program ended; none while it runs.
    pub(crate) fn ended(&mut self, name: &str) -> Result<Option<ExitStatus>> {
        let program = self.programs.iter_mut().find(|program| program.name == name);
        program.context("a program that was never started")?.child.try_wait().context("cannot wait for a program")
    }

    /// Forgets a program that had to come to an end; a bad end is an error with its last words.
    pub(crate) fn finish(&mut self, name: &str, status: ExitStatus) -> Result<()> {
        let at = self.programs.iter().position(|program| program.name == name);
        let program = at.map(|at| self.programs.remove(at)).context("a program that was never started")?;
        if status.success() { Ok(()) } else { Err(program.failure(status)) }
    }

    /// Fails when one of the programs is not there any more.
    pub(crate) fn all_run(&mut self) -> Result<()> {
        if self.shell.try_wait()?.is_some() {
            bail!("the guard that tidies up after the demo was ended from outside");
        }
        for program in &mut self.programs {
            if let Some(status) = program.child.try_wait()? {
                return Err(program.failure(status));
            }
        }
        Ok(())
    }

    /// Says what becomes of the folder, whatever ends the demo.
    pub(crate) fn remove_folder_at_the_end(&mut self) -> Result<()> {
        use std::io::Write as _;
        let pipe = self.pipe.as_mut().context("the guard is gone")?;
        writeln!(pipe, "remove").context("the guard does not listen")
    }

    /// Ends the programs, unmounts, and waits until that is done.
    pub(crate) fn end(&mut self) -> Result<()> {
        drop(self.pipe.take());
        let status = loop {
            // Who is not waited for looks as if it still ran.
            for program in &mut self.programs {
                let _ = program.child.try_wait();
            }
            if let Some(status) = self.shell.try_wait().context("cannot wait for the guard")? {
                break status;
            }
            sleep(LOOK_EVERY);
        };
        if status.success() { Ok(()) } else { bail!("tidying up failed ({status}): see guard.log") }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.pipe.is_some()
            && let Err(error) = self.end()
        {
            eprintln!("{error:#}");
        }
    }
}

impl Program {
    fn failure(&self, status: ExitStatus) -> anyhow::Error {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL_LINES_MAX)..).unwrap_or_default().join("\n");
        anyhow::anyhow!("{} ended with {status}; {} ends so:\n{tail}", self.name, self.log.display())
    }
}
