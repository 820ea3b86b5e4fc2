//! What changes between two releases, in plain sentences: what an accessory may do besides, what it may not do any more, and what a run
//! may spend.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::budget::{Budget, Words};
use crate::capability::{Grants, Permission, Reach, Scope, sentence};
use crate::reach::{self, TooManyPatterns};

/// Which way a permission changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was not asked before.
    Added,
    /// It reaches further.
    Widened,
    /// It reaches less far.
    Narrowed,
    /// It is not asked any more.
    Removed,
}

/// One change of one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub change: Change,
    pub permission: Permission,
    /// What comes, or what goes.
    pub scope: Scope,
}

impl Difference {
    /// Returns what comes or goes as a sentence of the present: "May read files in /var/log/**."
    pub fn present(&self) -> String {
        let own = self.permission.reach();
        let secrets = &self.scope.secrets;
        if own.is_some_and(|part| self.scope.part(part).is_empty()) && !secrets.is_empty() {
            let names: Vec<&str> = secrets.iter().map(String::as_str).collect();
            return format!("May be signed in with {} (which it never sees).", names.join(", "));
        }
        sentence(self.permission, &self.scope)
    }

    /// Returns the change as a sentence: "Now may also read files in /var/log/**.", "May no longer read files in /etc/motd."
    pub fn sentence(&self) -> String {
        let present = self.present();
        let Some(what) = present.strip_prefix("May ") else { return present };
        match self.change {
            Change::Added | Change::Widened => format!("Now may also {what}"),
            Change::Narrowed | Change::Removed => format!("May no longer {what}"),
        }
    }

    /// Returns whether it lets an accessory do more than before.
    pub fn is_more(&self) -> bool {
        matches!(self.change, Change::Added | Change::Widened)
    }
}

/// Returns what changes between what was asked, or agreed to, and what is asked.
pub fn between(old: &Grants, new: &Grants) -> Result<Vec<Difference>, TooManyPatterns> {
    let mut all = Vec::new();
    for (permission, scope) in &new.0 {
        match old.scope(*permission) {
            None => all.push(Difference { change: Change::Added, permission: *permission, scope: scope.clone() }),
            Some(before) => {
                all.extend(beyond(Change::Widened, *permission, scope, before)?);
                all.extend(beyond(Change::Narrowed, *permission, before, scope)?);
            }
        }
    }
    let gone = old.0.iter().filter(|(permission, _)| !new.has(**permission));
    all.extend(gone.map(|(p, scope)| Difference { change: Change::Removed, permission: *p, scope: scope.clone() }));
    Ok(all)
}

/// Returns whether more is asked than before.
pub fn widens(old: &Grants, new: &Grants) -> Result<bool, TooManyPatterns> {
    Ok(between(old, new)?.iter().any(Difference::is_more))
}

/// Returns the entries of one scope that another one does not cover wholly.
fn beyond(
    change: Change,
    permission: Permission,
    scope: &Scope,
    other: &Scope,
) -> Result<Option<Difference>, TooManyPatterns> {
    let (mut rest, mut any) = (Scope::default(), false);
    for part in Reach::ALL {
        for entry in scope.part(part) {
            let one = BTreeSet::from([entry.clone()]);
            if reach::both(part, &one, other.part(part))? != reach::both(part, &one, &one)? {
                rest.part_mut(part).insert(entry.clone());
                any = true;
            }
        }
    }
    Ok(any.then_some(Difference { change, permission, scope: rest }))
}

/// One bound that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spends {
    pub field: &'static str,
    pub from: u64,
    pub to: u64,
}

impl Spends {
    /// Returns the change as a sentence.
    pub fn sentence(&self) -> String {
        let Self { field, from, to } = self;
        let way = if to > from { "more" } else { "less" };
        format!("A run may spend {way}: {field} {} instead of {}.", Words(field, *to), Words(field, *from))
    }
}

/// Returns the bounds that differ.
pub fn spends(old: &Budget, new: &Budget) -> Vec<Spends> {
    let pairs = old.fields().into_iter().zip(new.fields());
    let differ = pairs.filter(|((_, from), (_, to))| from != to);
    differ.map(|((field, from), (_, to))| Spends { field, from, to }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn files(globs: &[&str]) -> Grants {
        let globs = globs.iter().map(|glob| (*glob).to_owned()).collect();
        Grants([(Permission::FilesRead, Scope { globs, ..Scope::default() })].into())
    }

    fn said(old: &Grants, new: &Grants) -> Vec<String> {
        between(old, new).unwrap_or_default().iter().map(Difference::sentence).collect()
    }

    #[test]
    fn what_changes_is_said_in_sentences() {
        let http = Scope {
            origins: ["https://api.example.com".to_owned()].into(),
            secrets: ["token".to_owned()].into(),
            ..Scope::default()
        };
        let mut new = files(&["/var/**"]);
        new.0.insert(Permission::Http, http.clone());
        let mut old = files(&["/var/log/**", "/etc/motd"]);
        old.0.insert(Permission::Http, Scope { secrets: BTreeSet::new(), ..http });
        old.0.insert(Permission::Metrics, Scope::default());
        assert_eq!(
            said(&old, &new),
            [
                "Now may also be signed in with token (which it never sees).",
                "Now may also read files in /var/**.",
                "May no longer read files in /etc/motd.",
                "May no longer read the machine's figures: memory, file systems, processors, network counters.",
            ]
        );
        assert_eq!(said(&files(&["/var/**"]), &files(&["/var/**", "/var/log/x"])), Vec::<String>::new());
        let default = Budget::default_for_accessories();
        let more = Budget { memory_bytes_max: 64 * 1024 * 1024, wall_ms_max: 10_000, ..default.clone() };
        let said: Vec<String> = spends(&default, &more).iter().map(Spends::sentence).collect();
        assert_eq!(
            said,
            [
                "A run may spend more: memory_bytes_max 64 MiB instead of 32 MiB.",
                "A run may spend less: wall_ms_max 10 s instead of 30 s.",
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_changes_between_equals_and_what_comes_one_way_goes_the_other(
            a in proptest::collection::btree_set("/(a|b|a\\*)(/b|/\\*c|/\\*\\*)?", 0..4),
            b in proptest::collection::btree_set("/(a|b|a\\*)(/b|/\\*c|/\\*\\*)?", 0..4),
        ) {
            let set = |globs: &BTreeSet<String>| files(&globs.iter().map(String::as_str).collect::<Vec<_>>());
            let (a, b) = (set(&a), set(&b));
            prop_assert_eq!(between(&a, &a)?, vec![]);
            let scopes = |all: Vec<Difference>, more: bool| -> Vec<Scope> {
                all.into_iter().filter(|one| one.is_more() == more).map(|one| one.scope).collect()
            };
            prop_assert_eq!(scopes(between(&a, &b)?, true), scopes(between(&b, &a)?, false));
        }
    }
}
