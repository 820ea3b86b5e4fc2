//! Readings for which the runner's own account is not enough: the broker makes them. Each is checked against the grant where it is
//! asked, and again where it is made.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::act;
use crate::capability::{Grants, Permission};
use crate::reach;
use crate::reading::{LogPage, Metadata, Service};
use crate::run::Fault;

/// Bytes of a file that one look returns.
pub const READ_BYTES_MAX: u64 = 1024 * 1024;
/// Entries of the log that one look returns.
pub const LOG_ENTRIES_MAX: u32 = 1_000;
/// Bytes of a place in the log.
pub const CURSOR_BYTES_MAX: usize = 500;

/// One reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// What is known of a path.
    Stat {
        path: String,
    },
    /// What lies in a folder.
    List {
        path: String,
    },
    /// A part of a file.
    Read {
        path: String,
        offset_bytes: u64,
        length_bytes: u64,
    },
    /// Every service, and one of them by its unit's name.
    Services,
    Service {
        name: String,
    },
    /// What a unit wrote to the log: after the cursor, or without one the newest.
    Logs {
        unit: String,
        cursor: Option<String>,
        limit: u32,
    },
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    Metadata(Metadata),
    Entries(Vec<Metadata>),
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    Services(Vec<Service>),
    Service(Service),
    Logs(LogPage),
}

/// Refuses a look that is outside the grants or beyond its bounds.
pub fn check(look: &Look, grants: &Grants) -> Result<(), Fault> {
    let none = BTreeSet::new();
    let globs = grants.scope(Permission::FilesRead).map_or(&none, |scope| &scope.globs);
    let (permission, what, granted, within) = match look {
        Look::Stat { path } | Look::Read { path, .. } => {
            (Permission::FilesRead, path, globs, reach::path_is_within(globs, path))
        }
        Look::List { path } => (Permission::FilesRead, path, globs, reach::folder_may_be_listed(globs, path)),
        Look::Services | Look::Service { .. } => {
            let granted = grants.has(Permission::ServicesRead);
            return if granted { Ok(()) } else { Err(Fault::Denied(Permission::ServicesRead.name().to_owned())) };
        }
        Look::Logs { unit, cursor, limit } => {
            log_question(cursor.as_deref(), *limit)?;
            let units = grants.scope(Permission::Logs).map_or(&none, |scope| &scope.units);
            (Permission::Logs, unit, units, reach::unit_is_within(units, unit))
        }
    };
    if within { Ok(()) } else { Err(Fault::Denied(act::refusal(permission, what, granted))) }
}

/// A cursor goes into the command line of the log's own program: its letters are those that the program writes.
fn log_question(cursor: Option<&str>, limit: u32) -> Result<(), Fault> {
    let plain = |cursor: &str| {
        (1..=CURSOR_BYTES_MAX).contains(&cursor.len())
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"=;-_:.".contains(&byte))
    };
    if !cursor.is_none_or(plain) {
        return Err(Fault::Invalid("the cursor is none that an earlier reading returned".to_owned()));
    }
    if !(1..=LOG_ENTRIES_MAX).contains(&limit) {
        return Err(Fault::Invalid(format!("limit is {limit}: it must be 1 to {LOG_ENTRIES_MAX}")));
    }
    Ok(())
}

/// Returns the entries that the grant covers: of a folder that is only the way to what was granted, nothing else is told.
pub fn covered(entries: Vec<Metadata>, grants: &Grants) -> Vec<Metadata> {
    let Some(scope) = grants.scope(Permission::FilesRead) else { return Vec::new() };
    entries.into_iter().filter(|entry| reach::path_is_within(&scope.globs, &entry.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Scope;

    fn grants() -> Grants {
        let set = |entry: &str| BTreeSet::from([entry.to_owned()]);
        let files = Scope { globs: set("/var/log/*.log"), ..Scope::default() };
        let logs = Scope { units: set("app-*.service"), ..Scope::default() };
        Grants([(Permission::FilesRead, files), (Permission::Logs, logs)].into())
    }

    #[test]
    fn a_look_is_within_its_grant_or_refused_by_name() {
        let denied = |look: Look| match check(&look, &grants()) {
            Err(Fault::Denied(words)) => words,
            other => format!("{other:?}"),
        };
        let read = |path: &str| Look::Read { path: path.to_owned(), offset_bytes: 0, length_bytes: 10 };
        assert_eq!(check(&read("/var/log/a.log"), &grants()), Ok(()));
        assert_eq!(denied(read("/etc/shadow")), "files:read: /etc/shadow is not within /var/log/*.log");
        assert_eq!(check(&Look::List { path: "/var/log".to_owned() }, &grants()), Ok(()));
        assert!(denied(Look::List { path: "/var".to_owned() }).starts_with("files:read: "));
        let logs = |unit: &str, cursor: Option<&str>, limit| Look::Logs {
            unit: unit.to_owned(),
            cursor: cursor.map(str::to_owned),
            limit,
        };
        assert_eq!(check(&logs("app-1.service", Some("s=1;i=2"), 10), &grants()), Ok(()));
        assert!(denied(logs("ssh.service", None, 10)).starts_with("logs: ssh.service is not within app-*.service"));
        assert!(denied(logs("app-*.service", None, 10)).starts_with("logs: "));
        for (cursor, limit) in [(Some(""), 1), (Some("a b"), 1), (Some("--x\n"), 1), (None, 0), (None, 1_001)] {
            assert!(matches!(check(&logs("app-1.service", cursor, limit), &grants()), Err(Fault::Invalid(_))));
        }
        assert!(matches!(check(&read("/var/log/a.log"), &Grants::default()), Err(Fault::Denied(_))));
        assert_eq!(denied(Look::Services), "services:read");
        assert_eq!(check(&Look::Services, &Grants([(Permission::ServicesRead, Scope::default())].into())), Ok(()));
    }
}
