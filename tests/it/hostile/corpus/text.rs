//! What a file of the corpus says: `;;; name: what it does`, then `;;; key: value` lines, then the guest.

use std::collections::BTreeMap;

use fitment_domain::budget::Budget;
use fitment_domain::capability::{Grants, Permission, Scope};

/// The families, each a file.
pub(super) const FAMILIES: &[(&str, &str)] = &[
    ("boundary", include_str!("boundary.wat")),
    ("cpu", include_str!("cpu.wat")),
    ("determinism", include_str!("determinism.wat")),
    ("flood", include_str!("flood.wat")),
    ("handles", include_str!("handles.wat")),
    ("isolation", include_str!("isolation.wat")),
    ("lifecycle", include_str!("lifecycle.wat")),
    ("logs", include_str!("logs.wat")),
    ("memory", include_str!("memory.wat")),
    ("reentry", include_str!("reentry.wat")),
    ("results", include_str!("results.wat")),
    ("stack", include_str!("stack.wat")),
    ("state", include_str!("state.wat")),
    ("time", include_str!("time.wat")),
];

const KEYS: &[&str] = &["ends", "budget", "grants", "ungranted", "on", "handles", "encoding", "logs"];

/// How a run has to end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ends {
    Returns,
    /// It returns one finding with this number.
    Told(f64),
    /// It says or is told in these words that it could not.
    Fault(String),
    /// This bound; any if empty.
    Exhausted(String),
    Trapped(String),
    /// This permission was not granted.
    Refused(String),
    /// By a trap or by a bound, whichever looks first.
    Stopped,
}

/// Where a guest runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Device,
    Server,
}

/// One guest.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    pub(super) family: &'static str,
    pub(super) name: &'static str,
    pub(super) ends: Ends,
    keys: BTreeMap<&'static str, &'static str>,
    pub(super) inside: &'static str,
}

/// Returns every guest.
pub(super) fn guests() -> Vec<Guest> {
    FAMILIES.iter().flat_map(|(family, text)| read(family, text)).collect()
}

fn read(family: &'static str, text: &'static str) -> Vec<Guest> {
    let mut heads: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((key, _)) = line.strip_prefix(";;; ").and_then(|rest| rest.split_once(": "))
            && !KEYS.contains(&key)
        {
            heads.push(at);
        }
        at += line.len();
    }
    let ends = heads.iter().skip(1).copied().chain([text.len()]);
    heads.iter().zip(ends).map(|(from, to)| one(family, &text[*from..to])).collect()
}

fn one(family: &'static str, text: &'static str) -> Guest {
    let mut keys = BTreeMap::new();
    let mut inside = text;
    while let Some(line) = inside.strip_prefix(";;; ").and_then(|rest| rest.split('\n').next()) {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{family}: {line:?}"));
        keys.insert(if KEYS.contains(&key) { key } else { "" }, if KEYS.contains(&key) { value } else { key });
        inside = &inside[line.len() + 5..];
    }
    let name = keys[""];
    let ends = keys.get("ends").unwrap_or_else(|| panic!("{family}/{name} does not say how it ends"));
    let (word, rest) = ends.split_once(' ').unwrap_or((ends, ""));
    let words = rest.to_owned();
    let ends = match word {
        "returns" => Ends::Returns,
        "told" => Ends::Told(rest.parse().unwrap()),
        "fault" => Ends::Fault(words),
        "exhausted" => Ends::Exhausted(words),
        "trapped" => Ends::Trapped(words),
        "refused" => Ends::Refused(words),
        "stopped" => Ends::Stopped,
        other => panic!("{family}/{name} ends {other:?}"),
    };
    Guest { family, name, ends, keys, inside }
}

impl Guest {
    /// Returns a key's value; nothing if it is left out.
    pub(super) fn key(&self, key: &str) -> Option<&'static str> {
        self.keys.get(key).copied()
    }

    /// Returns where it runs: in both places unless it says so or needs what only devices have.
    pub(super) fn sides(&self) -> Vec<Side> {
        let needs = |interface: &str| self.inside.contains(&format!("\"@{interface}\""));
        let of_devices = ["device", "metrics", "services", "files", "packages", "net", "state"];
        match self.key("on") {
            Some("device") => vec![Side::Device],
            Some("server") => vec![Side::Server],
            _ if self.key("handles").is_some() || of_devices.into_iter().any(needs) => vec![Side::Device],
            _ => vec![Side::Device, Side::Server],
        }
    }

    /// Returns the bounds that differ from the default.
    pub(super) fn bounds(&self) -> Vec<(&'static str, u64)> {
        let words = self.key("budget").unwrap_or_default().split_whitespace();
        let pairs = words.map(|word| word.split_once('=').unwrap());
        pairs.map(|(field, value)| (field, if value == "max" { u64::MAX } else { value.parse().unwrap() })).collect()
    }

    /// Returns its budget.
    pub(super) fn budget(&self) -> Budget {
        let mut budget = serde_json::to_value(Budget::default_for_accessories()).unwrap();
        for (field, value) in self.bounds() {
            assert!(budget[field].is_u64(), "{}: {field} is no field of a budget", self.name);
            budget[field] = value.into();
        }
        serde_json::from_value(budget).unwrap()
    }

    /// Returns what it asks to be granted.
    pub(super) fn asked(&self) -> Grants {
        let words = self.key("grants").or(self.key("ungranted")).unwrap_or_default().split_whitespace();
        let scoped = words.map(|word| {
            let (name, scope) = word.split_once('=').unwrap_or((word, ""));
            let permission = Permission::parse(name).unwrap_or_else(|e| panic!("{}: {e}", self.name));
            let set = [scope.to_owned()].into();
            let scope = match permission {
                Permission::Http => Scope { origins: set, ..Scope::default() },
                Permission::FilesRead => Scope { globs: set, ..Scope::default() },
                Permission::Net => Scope { hosts: set, ..Scope::default() },
                _ => Scope::default(),
            };
            (permission, scope)
        });
        Grants(scoped.collect())
    }

    /// Returns what it is granted.
    pub(super) fn granted(&self) -> Grants {
        if self.key("ungranted").is_some() { Grants::default() } else { self.asked() }
    }

    /// Returns whether it ends the same way, after as many instructions, however busy the machine is.
    pub(super) fn is_determined(&self) -> bool {
        let by_time = ["\"@clock\"", "\"@metrics\"", "remaining-ms"].iter().any(|word| self.inside.contains(word));
        let ends = match &self.ends {
            Ends::Exhausted(bound) => bound == "fuel_max" || bound == "host_calls_max",
            Ends::Stopped => false,
            _ => true,
        };
        ends && !by_time
    }
}
