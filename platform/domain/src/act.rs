//! What a script may do to a device. Each act is checked against the grant where it is asked, and again where it is done.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::{Grants, Permission};
use crate::reach;
use crate::run::Fault;

/// The largest file that one act writes, in bytes.
pub const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// The most words of one command, program included, and the most bytes of all of them together.
pub const WORDS_MAX: usize = 100;
pub const WORDS_BYTES_MAX: usize = 64 * 1024;
/// The most bytes that a program is given to read.
pub const STDIN_BYTES_MAX: usize = 1024 * 1024;

/// Patterns that a refusal names before it only counts the rest, and characters of each.
const NAMED_MAX: usize = 5;
const NAMED_CHARS_MAX: usize = 80;

/// One change of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    ControlService {
        unit: String,
        action: ServiceAction,
    },
    WriteFile {
        path: String,
        #[serde(with = "serde_bytes")]
        contents: Vec<u8>,
    },
    RemoveFile {
        path: String,
    },
    /// Runs a program without a shell: the first word is its absolute path.
    Run {
        argv: Vec<String>,
        #[serde(with = "serde_bytes")]
        stdin: Option<Vec<u8>>,
        timeout_ms: u32,
    },
}

/// What can be done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
}

impl ServiceAction {
    /// Returns the word that logs, refusals and fixtures use.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceAction::Start => "start",
            ServiceAction::Stop => "stop",
            ServiceAction::Restart => "restart",
            ServiceAction::Reload => "reload",
            ServiceAction::Enable => "enable",
            ServiceAction::Disable => "disable",
        }
    }
}

/// As people say it: `restart nginx.service`, `write /path`, `remove /path`, `run /path argument`.
impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::ControlService { unit, action } => write!(f, "{} {unit}", action.as_str()),
            Act::WriteFile { path, .. } => write!(f, "write {path}"),
            Act::RemoveFile { path } => write!(f, "remove {path}"),
            Act::Run { argv, .. } => write!(f, "run {}", argv.join(" ")),
        }
    }
}

/// What an act left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    Nothing,
    /// Bytes that the removed file held.
    Removed(u64),
    Ran(Output),
}

/// How a program ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Output {
    /// As a shell would say it: 128 and the signal's number where a signal ended the program.
    pub exit_code: i32,
    #[serde(with = "serde_bytes")]
    pub stdout: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub stderr: Vec<u8>,
    /// Whether it wrote more than was kept.
    pub truncated: bool,
    pub duration_ms: u64,
}

/// Refuses an act that is outside the grants, and says what is within.
pub fn check(act: &Act, grants: &Grants) -> Result<(), Fault> {
    sized(act)?;
    let none = BTreeSet::new();
    let command;
    let (permission, what, granted, within) = match act {
        Act::ControlService { unit, .. } => {
            let units = grants.scope(Permission::ServicesControl).map_or(&none, |scope| &scope.units);
            (Permission::ServicesControl, unit, units, reach::unit_is_within(units, unit))
        }
        Act::WriteFile { path, .. } | Act::RemoveFile { path } => {
            let globs = grants.scope(Permission::FilesWrite).map_or(&none, |scope| &scope.globs);
            (Permission::FilesWrite, path, globs, reach::path_is_within(globs, path))
        }
        Act::Run { argv, .. } => {
            let commands = grants.scope(Permission::Exec).map_or(&none, |scope| &scope.commands);
            command = argv.join(" ");
            (Permission::Exec, &command, commands, reach::command_is_within(commands, argv))
        }
    };
    if within { Ok(()) } else { Err(Fault::Denied(refusal(permission, what, granted))) }
}

fn sized(act: &Act) -> Result<(), Fault> {
    let too_much = match act {
        Act::WriteFile { contents, .. } if contents.len() > WRITE_BYTES_MAX => {
            format!("a file that is written has at most {WRITE_BYTES_MAX} bytes")
        }
        Act::Run { argv, .. }
            if argv.len() > WORDS_MAX || argv.iter().map(String::len).sum::<usize>() > WORDS_BYTES_MAX =>
        {
            format!("a command has at most {WORDS_MAX} words and {WORDS_BYTES_MAX} bytes")
        }
        Act::Run { stdin: Some(stdin), .. } if stdin.len() > STDIN_BYTES_MAX => {
            format!("a program is given at most {STDIN_BYTES_MAX} bytes to read")
        }
        _ => return Ok(()),
    };
    Err(Fault::Exhausted(too_much))
}

/// The permission first, which programs read; then what was asked and what could have been.
pub(crate) fn refusal(permission: Permission, what: &str, granted: &BTreeSet<String>) -> String {
    let short = |text: &str| -> String {
        text.chars().take(NAMED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    let name = permission.name();
    if granted.is_empty() {
        return format!("{name}: nothing is granted, so neither is {}", short(what));
    }
    let named: Vec<String> = granted.iter().take(NAMED_MAX).map(|pattern| short(pattern)).collect();
    let more = granted.len().saturating_sub(NAMED_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{name}: {} is not within {}{rest}", short(what), named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Scope;

    fn restart(unit: &str, granted: &[&str]) -> Result<(), Fault> {
        let units = granted.iter().map(|unit| (*unit).to_owned()).collect();
        let grants = Grants([(Permission::ServicesControl, Scope { units, ..Scope::default() })].into());
        check(&Act::ControlService { unit: unit.to_owned(), action: ServiceAction::Restart }, &grants)
    }

    #[test]
    fn a_refusal_names_what_was_asked_and_what_is_granted() {
        assert_eq!(restart("app-1.service", &["app-*.service"]), Ok(()));
        let words = |refused: Result<(), Fault>| match refused {
            Err(Fault::Denied(words)) => words,
            other => format!("{other:?}"),
        };
        let said = words(restart("ssh.service", &["app-*.service", "nginx.service"]));
        assert_eq!(said, "services:control: ssh.service is not within app-*.service, nginx.service");
        let many = ["a.service", "b.service", "c.service", "d.service", "e.service", "f.service"];
        assert!(words(restart("ssh.service", &many)).ends_with("e.service and 1 more"));
        assert_eq!(words(restart("a", &[])), "services:control: nothing is granted, so neither is a");
        let remove = Act::RemoveFile { path: "/etc/passwd".to_owned() };
        assert!(
            matches!(check(&remove, &Grants::default()), Err(Fault::Denied(words)) if words.starts_with("files:write"))
        );
        assert_eq!(remove.to_string(), "remove /etc/passwd");
    }
}
