//! Permissions: what an accessory asks, what it gets, and the sentence that a person reads before agreeing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::reach::{self, TooManyPatterns};

/// A permission by name. Names that the contract reserves but this version does not host are known, and refused as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Permission {
    #[serde(rename = "metrics")]
    Metrics,
    #[serde(rename = "http")]
    Http,
    #[serde(rename = "services:read")]
    ServicesRead,
    #[serde(rename = "services:control")]
    ServicesControl,
    #[serde(rename = "files:read")]
    FilesRead,
    #[serde(rename = "files:write")]
    FilesWrite,
    #[serde(rename = "packages")]
    Packages,
    #[serde(rename = "net")]
    Net,
    #[serde(rename = "state")]
    State,
    #[serde(rename = "processes")]
    Processes,
    #[serde(rename = "logs")]
    Logs,
    #[serde(rename = "exec")]
    Exec,
}

/// Permission names that the contract reserves for later versions.
pub const RESERVED: &[&str] = &["mail", "sign", "fleet", "scan"];

/// Why a permission name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPermission {
    #[error("permission {0:?} is not supported by this version of the platform")]
    NotSupported(String),
    #[error("unknown permission {got:?}: known are {known}", got = .0, known = Permission::names())]
    Unknown(String),
}

impl Permission {
    /// Every permission that this version hosts.
    pub const ALL: [Permission; 12] = [
        Permission::Metrics,
        Permission::Http,
        Permission::ServicesRead,
        Permission::ServicesControl,
        Permission::FilesRead,
        Permission::FilesWrite,
        Permission::Packages,
        Permission::Net,
        Permission::State,
        Permission::Processes,
        Permission::Logs,
        Permission::Exec,
    ];

    /// Reads a permission by its name.
    pub fn parse(name: &str) -> Result<Self, BadPermission> {
        let known = Self::ALL.into_iter().find(|permission| permission.name() == name);
        known.ok_or_else(|| match RESERVED.contains(&name) {
            true => BadPermission::NotSupported(name.to_owned()),
            false => BadPermission::Unknown(name.chars().take(60).collect()),
        })
    }

    fn names() -> String {
        Self::ALL.map(Permission::name).join(", ")
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Permission::Metrics => "metrics",
            Permission::Http => "http",
            Permission::ServicesRead => "services:read",
            Permission::ServicesControl => "services:control",
            Permission::FilesRead => "files:read",
            Permission::FilesWrite => "files:write",
            Permission::Packages => "packages",
            Permission::Net => "net",
            Permission::State => "state",
            Permission::Processes => "processes",
            Permission::Logs => "logs",
            Permission::Exec => "exec",
        }
    }

    /// Returns the WIT interface that this permission opens.
    pub fn interface(self) -> &'static str {
        match self {
            Permission::Metrics => "fitment:accessory/metrics",
            Permission::Http => "fitment:accessory/http",
            Permission::ServicesRead => "fitment:accessory/services",
            Permission::ServicesControl => "fitment:accessory/services-control",
            Permission::FilesRead => "fitment:accessory/files",
            Permission::FilesWrite => "fitment:accessory/files-write",
            Permission::Packages => "fitment:accessory/packages",
            Permission::Net => "fitment:accessory/net",
            Permission::State => "fitment:accessory/state",
            Permission::Processes => "fitment:accessory/processes",
            Permission::Logs => "fitment:accessory/logs",
            Permission::Exec => "fitment:accessory/exec",
        }
    }

    /// Returns whether it lets an accessory change the device.
    pub fn changes_the_device(self) -> bool {
        matches!(self, Permission::ServicesControl | Permission::FilesWrite | Permission::Exec)
    }

    /// Returns the parts that its scope has.
    pub fn parts(self) -> impl Iterator<Item = Reach> {
        let secrets = (self == Permission::Http).then_some(Reach::Secrets);
        self.reach().into_iter().chain(secrets)
    }

    /// Returns which part of a scope says how far it reaches; none if it has no scope.
    pub fn reach(self) -> Option<Reach> {
        match self {
            Permission::Http => Some(Reach::Origins),
            Permission::ServicesControl | Permission::Logs => Some(Reach::Units),
            Permission::FilesRead | Permission::FilesWrite => Some(Reach::Globs),
            Permission::Net => Some(Reach::Hosts),
            Permission::Exec => Some(Reach::Commands),
            Permission::Metrics
            | Permission::ServicesRead
            | Permission::Packages
            | Permission::State
            | Permission::Processes => None,
        }
    }
}

/// The parts of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Origins,
    /// Beside the origins: which secrets go there.
    Secrets,
    Units,
    Globs,
    Hosts,
    Commands,
}

impl Reach {
    /// Every part. Frames carry them in this order.
    pub const ALL: [Reach; 6] =
        [Reach::Origins, Reach::Secrets, Reach::Units, Reach::Globs, Reach::Hosts, Reach::Commands];

    /// Returns the field's name in `fitment.toml`.
    pub fn field(self) -> &'static str {
        match self {
            Reach::Origins => "origins",
            Reach::Secrets => "secrets",
            Reach::Units => "units",
            Reach::Globs => "globs",
            Reach::Hosts => "hosts",
            Reach::Commands => "commands",
        }
    }
}

/// How far one permission reaches. An empty scope of a scoped permission opens nothing. New parts are left out when empty: older
/// agents refuse what they do not know.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// `http`: origins such as `https://psa.example.com`; `connection` stands for the origin of the accessory's connection,
    /// `target` for those of a probe's targets, `config:KEY` for what the configuration holds there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub origins: BTreeSet<String>,
    /// `http`: names of the secrets that the host may put in, towards these origins only.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
    /// `services:control`, `logs`: unit names; `*` stands for any run of characters. `config:KEY` as above.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub units: BTreeSet<String>,
    /// `files:read`, `files:write`: absolute paths; `*` stands for characters within one name, a last `/**` for everything below.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub globs: BTreeSet<String>,
    /// `net`: `host:port`, `host:*`, `*.example.com:443`; `target` and `config:KEY` as above.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// `exec`: a program by its absolute path and its arguments, separated by single blanks; `*` stands for any run of characters of
    /// one argument. `config:KEY` as above.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub commands: BTreeSet<String>,
}

impl Scope {
    /// Returns a part.
    pub fn part(&self, reach: Reach) -> &BTreeSet<String> {
        match reach {
            Reach::Origins => &self.origins,
            Reach::Secrets => &self.secrets,
            Reach::Units => &self.units,
            Reach::Globs => &self.globs,
            Reach::Hosts => &self.hosts,
            Reach::Commands => &self.commands,
        }
    }

    /// Returns a part, to change it.
    pub fn part_mut(&mut self, reach: Reach) -> &mut BTreeSet<String> {
        match reach {
            Reach::Origins => &mut self.origins,
            Reach::Secrets => &mut self.secrets,
            Reach::Units => &mut self.units,
            Reach::Globs => &mut self.globs,
            Reach::Hosts => &mut self.hosts,
            Reach::Commands => &mut self.commands,
        }
    }
}

/// A set of permissions with their scopes: what is asked, what a layer allows, or what remains.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(pub BTreeMap<Permission, Scope>);

impl Grants {
    /// Returns whether the permission is in the set.
    pub fn has(&self, permission: Permission) -> bool {
        self.0.contains_key(&permission)
    }

    /// Returns the scope of a permission that is in the set.
    pub fn scope(&self, permission: Permission) -> Option<&Scope> {
        self.0.get(&permission)
    }

    /// Returns whether the permission is in the set and reaches anything.
    pub fn opens(&self, permission: Permission) -> bool {
        self.scope(permission).is_some_and(|scope| permission.reach().is_none_or(|reach| !scope.part(reach).is_empty()))
    }

    /// Returns the set with a placeholder replaced, in every part of every scope: `values` says what it stands for there.
    pub fn bind(mut self, placeholder: &str, values: impl Fn(Reach) -> Vec<String>) -> Self {
        for (permission, scope) in &mut self.0 {
            let Some(reach) = permission.reach() else { continue };
            let part = scope.part_mut(reach);
            if part.remove(placeholder) {
                part.extend(values(reach));
            }
        }
        self
    }

    /// Returns the set with a placeholder origin replaced: `connection` becomes the origin of the connection.
    pub fn bind_origin(self, placeholder: &str, origin: &str) -> Self {
        self.bind(placeholder, |reach| match reach {
            Reach::Origins => vec![origin.to_owned()],
            _ => Vec::new(),
        })
    }
}

/// What one layer (plan, MSP, client, device) lets through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ceiling {
    /// This layer takes nothing away.
    Everything,
    /// Only what is in the set, within its scopes.
    Only(Grants),
}

/// Returns what remains of the asked permissions after every layer, in one spelling: what all of them cover. More layers never widen
/// it, and their order makes no difference. Fails where patterns overlap in too many ways.
pub fn effective<'a>(asked: &Grants, layers: impl IntoIterator<Item = &'a Ceiling>) -> Result<Grants, TooManyPatterns> {
    layers.into_iter().try_fold(intersect(asked, asked)?, |rest, layer| match layer {
        Ceiling::Everything => Ok(rest),
        Ceiling::Only(allowed) => intersect(&rest, allowed),
    })
}

/// Returns whether everything in a set is within another one.
pub fn is_within(inner: &Grants, outer: &Grants) -> Result<bool, TooManyPatterns> {
    Ok(intersect(inner, outer)? == intersect(inner, inner)?)
}

fn intersect(left: &Grants, right: &Grants) -> Result<Grants, TooManyPatterns> {
    let mut both = Grants::default();
    for (permission, scope) in &left.0 {
        let Some(other) = right.0.get(permission) else { continue };
        let mut kept = Scope::default();
        for part in Reach::ALL {
            *kept.part_mut(part) = reach::both(part, scope.part(part), other.part(part))?;
        }
        both.0.insert(*permission, kept);
    }
    Ok(both)
}

/// Renders one permission as the sentence that an approver reads.
pub fn sentence(permission: Permission, scope: &Scope) -> String {
    let list = |reach| scope.part(reach).iter().map(|entry| in_words(entry)).collect::<Vec<_>>().join(", ");
    if let Some(reach) = permission.reach()
        && scope.part(reach).is_empty()
    {
        return format!("Asks for {} and names no {}, which opens nothing.", permission.name(), reach.field());
    }
    match permission {
        Permission::Metrics => {
            "May read the machine's figures: memory, file systems, processors, network counters.".to_owned()
        }
        Permission::Http => {
            let secrets = if scope.secrets.is_empty() {
                String::new()
            } else {
                let names: Vec<&str> = scope.secrets.iter().map(String::as_str).collect();
                format!(", signed in with {} (which it never sees)", names.join(", "))
            };
            format!("May send HTTP requests to {}{secrets}.", list(Reach::Origins))
        }
        Permission::ServicesRead => "May see which services there are and how they are.".to_owned(),
        Permission::ServicesControl => {
            format!("May start, stop, restart, enable and disable these services: {}.", list(Reach::Units))
        }
        Permission::FilesRead => format!("May read files in {}.", list(Reach::Globs)),
        Permission::FilesWrite => format!("May change and remove files in {}.", list(Reach::Globs)),
        Permission::Packages => "May see which packages wait for an update.".to_owned(),
        Permission::Net => format!("May connect to {}.", list(Reach::Hosts)),
        Permission::State => "May keep a few kilobytes of its own on the device between runs.".to_owned(),
        Permission::Processes => {
            "May see which processes run, whose they are, and what processor time and memory they use; not how they were called."
                .to_owned()
        }
        Permission::Logs => format!("May read what these services wrote to the system log: {}.", list(Reach::Units)),
        Permission::Exec => {
            let commands = scope.commands.iter().map(|entry| quoted(entry)).collect::<Vec<_>>().join(", ");
            format!("May run these programs with the agent's rights (* stands for any text): {commands}.")
        }
    }
}

/// A command has blanks in it: quotes say where it ends.
fn quoted(command: &str) -> String {
    if command.starts_with('/') { format!("\"{command}\"") } else { in_words(command) }
}

fn in_words(entry: &str) -> String {
    match entry {
        "connection" => "the address of its connection".to_owned(),
        "target" => "each target of its configuration".to_owned(),
        "*" => "anything".to_owned(),
        other => match other.strip_prefix("config:") {
            None if other.contains(" & ") => format!("what is in each of {}", other.replace(" & ", " and ")),
            Some(key) => format!("what its configuration says under {key:?}"),
            None => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants() -> impl Strategy<Value = Grants> {
        let names = || proptest::collection::btree_set("[a-c]", 0..3);
        let scope = proptest::collection::vec(names(), Reach::ALL.len()).prop_map(|parts| {
            let mut scope = Scope::default();
            for (part, names) in Reach::ALL.into_iter().zip(parts) {
                *scope.part_mut(part) = names;
            }
            scope
        });
        let permission = proptest::sample::select(&Permission::ALL[..]);
        proptest::collection::btree_map(permission, scope, 0..4).prop_map(Grants)
    }

    fn layer() -> impl Strategy<Value = Ceiling> {
        prop_oneof![Just(Ceiling::Everything), grants().prop_map(Ceiling::Only)]
    }

    fn within(inner: &Grants, outer: &Grants) -> bool {
        let parts = |s: &Scope, o: &Scope| Reach::ALL.into_iter().all(|part| s.part(part).is_subset(o.part(part)));
        inner.0.iter().all(|(p, s)| outer.0.get(p).is_some_and(|o| parts(s, o)))
    }

    proptest! {
        // What patterns mean is tested where they are combined; here are names without stars.
        #[test]
        fn a_further_layer_never_widens(asked in grants(), layers in proptest::collection::vec(layer(), 0..4), more in layer()) {
            let before = effective(&asked, &layers)?;
            let after = effective(&before, [&more])?;
            prop_assert!(within(&before, &asked));
            prop_assert!(within(&after, &before));
        }

        #[test]
        fn the_order_of_layers_does_not_matter(asked in grants(), a in layer(), b in layer()) {
            prop_assert_eq!(effective(&asked, [&a, &b]), effective(&asked, [&b, &a]));
            prop_assert_eq!(effective(&asked, [&a, &a]), effective(&asked, [&a]));
        }
    }
}
