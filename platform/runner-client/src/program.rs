//! Starting one of our programs: no environment, nothing inherited, ended when nobody holds it any more.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

/// Prepares a command with all three streams piped.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir("/").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a loss of the runner is told that somebody killed, the kernel among them.
pub const KILLED: &str = "it was killed (SIGKILL)";

/// Says in words how a program ended.
pub(crate) fn ending(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal {
            // The numbers are the same on every Linux architecture that we build for.
            24 => "it used up its processor time (SIGXCPU)".to_owned(),
            9 => KILLED.to_owned(),
            6 => "it aborted, most likely out of memory (SIGABRT)".to_owned(),
            11 => "it crashed (SIGSEGV)".to_owned(),
            other => format!("it was ended by signal {other}"),
        };
    }
    match status.code() {
        Some(code) => format!("it ended with {code}"),
        None => "it ended for an unknown reason".to_owned(),
    }
}
