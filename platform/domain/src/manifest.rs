//! What an accessory says of itself: `fitment.toml` for the author, JSON in the component's custom section for everyone else.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::budget::{Budget, BudgetAsked, OverCeiling};
use crate::capability::{BadPermission, Grants, Permission, Scope};
use crate::tenant::{BadName, check_identifier};

/// The custom section that holds the manifest.
pub const SECTION: &str = "fitment:manifest";
/// The largest manifest, in bytes of JSON.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;
const INTERVAL_S_MIN: u64 = 1;
const INTERVAL_S_MAX: u64 = 86_400;
const TEXT_CHARS_MAX: usize = 200;

/// The kinds of accessory. Kinds that this version does not run are known, and refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Monitor,
    Probe,
    Script,
    TicketingConnector,
}

/// Kinds that the product reserves for later versions.
pub const RESERVED_KINDS: &[&str] =
    &["plugin", "report", "data-view", "search", "antivirus-definition", "definition", "system-component"];

impl Kind {
    /// Returns the name, which is also the name of the world.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Monitor => "monitor",
            Kind::Probe => "probe",
            Kind::Script => "script",
            Kind::TicketingConnector => "ticketing-connector",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Result<Self, BadManifest> {
        match text {
            "monitor" => Ok(Kind::Monitor),
            "probe" => Ok(Kind::Probe),
            "script" => Ok(Kind::Script),
            "ticketing-connector" => Ok(Kind::TicketingConnector),
            reserved if RESERVED_KINDS.contains(&reserved) => Err(BadManifest::KindNotSupported(reserved.to_owned())),
            other => Err(BadManifest::UnknownKind(other.chars().take(60).collect())),
        }
    }

    /// Returns whether agents run it; the server runs the others.
    pub fn runs_on_devices(self) -> bool {
        matches!(self, Kind::Monitor | Kind::Probe | Kind::Script)
    }

    /// Returns whether it runs by itself, at intervals; scripts run when somebody asks.
    pub fn is_scheduled(self) -> bool {
        matches!(self, Kind::Monitor | Kind::Probe)
    }
}

/// The address of an accessory: `publisher/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessoryName {
    pub publisher: String,
    pub name: String,
}

impl AccessoryName {
    /// Reads `publisher/name`.
    pub fn parse(text: &str) -> Result<Self, BadManifest> {
        let (publisher, name) = text
            .split_once('/')
            .ok_or_else(|| BadManifest::Name(format!("{:?} lacks the slash of publisher/name", shorten(text))))?;
        check_identifier("the publisher in accessory.name", publisher)
            .map_err(|e: BadName| BadManifest::Name(e.to_string()))?;
        check_identifier("the name in accessory.name", name).map_err(|e| BadManifest::Name(e.to_string()))?;
        Ok(Self { publisher: publisher.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for AccessoryName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.publisher, self.name)
    }
}

impl Serialize for AccessoryName {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccessoryName {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        AccessoryName::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

/// What a device must be and have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    /// Versions of the platform.
    pub product: VersionReq,
    /// Versions of the agent; only for kinds that run on devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<VersionReq>,
    /// Versions of the contract.
    pub wit: VersionReq,
    /// Operating systems; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub os: Vec<String>,
    /// Processor architectures; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
}

/// One permission asked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionAsked {
    pub name: String,
    /// The sentence that the approver reads beside ours.
    pub reason: String,
    /// It does without: whoever installs it may leave this out, and its calls are answered `denied`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub optional: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub globs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// The whole manifest, as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: AccessoryName,
    pub version: Version,
    pub kind: String,
    pub requires: Requirements,
    #[serde(default)]
    pub permissions: Vec<PermissionAsked>,
    /// JSON Schema of the configuration.
    pub config_schema: serde_json::Value,
    /// JSON Schema of the parameters of one run; scripts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_schema: Option<serde_json::Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_s: Option<u64>,
    #[serde(default)]
    pub budget: BudgetAsked,
    /// It brings a language along, as JavaScript and Python do, and may be larger for it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub large: bool,
    /// The device measure that it improves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub improves: Option<String>,
}

/// Why a manifest is refused. Each case names the field and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    #[error("the manifest is larger than {MANIFEST_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the manifest does not read: {0}")]
    Malformed(String),
    #[error("accessory.name: {0}")]
    Name(String),
    #[error("accessory.kind {0:?} is not supported by this version of the platform")]
    KindNotSupported(String),
    #[error("accessory.kind {0:?} is unknown: use monitor, probe, script or ticketing-connector")]
    UnknownKind(String),
    #[error("permission {0}: the permission is asked twice")]
    PermissionTwice(String),
    #[error(transparent)]
    Permission(#[from] BadPermission),
    #[error("permission {name}: {problem}")]
    PermissionScope { name: String, problem: String },
    #[error("permission {0}: the reason must have 10 to {TEXT_CHARS_MAX} characters")]
    Reason(String),
    #[error("requires.agent is missing: a {0} runs on devices, so say which agent versions it needs")]
    AgentMissing(&'static str),
    #[error("requires.{field} holds {got:?}: use {known}")]
    UnknownPlatform { field: &'static str, got: String, known: &'static str },
    #[error("schedule.interval_s is {0}, it must be {INTERVAL_S_MIN} to {INTERVAL_S_MAX}")]
    Interval(u64),
    #[error("schedule.interval_s is {0}: only monitors and probes have a schedule")]
    NotScheduled(u64),
    #[error("parameters.schema: only scripts take parameters, this is a {0}")]
    ParametersWithoutScript(&'static str),
    #[error("permission {name}: a {kind} changes nothing on the device, only scripts may ask this")]
    ChangesDevice { name: String, kind: &'static str },
    #[error("permission {0}: a connector needs what it asks, only what runs on devices may ask it as optional")]
    OptionalForConnector(String),
    #[error(
        "config.schema: a probe's configuration has a list \"targets\"; the schema must have properties.targets of type array"
    )]
    TargetsMissing,
    #[error(transparent)]
    Budget(#[from] OverCeiling),
}

impl Manifest {
    /// Reads the JSON of a custom section.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadManifest> {
        if bytes.len() > MANIFEST_BYTES_MAX {
            return Err(BadManifest::TooLarge);
        }
        serde_json::from_slice(bytes).map_err(|e| BadManifest::Malformed(e.to_string()))
    }

    /// Returns every reason why this manifest cannot be published; empty if there is none.
    pub fn problems(&self) -> Vec<BadManifest> {
        let mut problems = Vec::new();
        match Kind::parse(&self.kind) {
            Err(problem) => problems.push(problem),
            Ok(kind) => self.problems_of_kind(kind, &mut problems),
        }
        self.problems_of_permissions(&mut problems);
        for permission in &self.permissions {
            if !(10..=TEXT_CHARS_MAX).contains(&permission.reason.chars().count()) {
                problems.push(BadManifest::Reason(permission.name.clone()));
            }
        }
        platform(&self.requires.os, "os", &["linux", "windows", "macos"], "linux, windows or macos", &mut problems);
        platform(&self.requires.arch, "arch", &["x86_64", "aarch64"], "x86_64 or aarch64", &mut problems);
        problems.extend(self.budget.over_ceiling().into_iter().map(BadManifest::from));
        problems
    }

    fn problems_of_kind(&self, kind: Kind, problems: &mut Vec<BadManifest>) {
        if kind.runs_on_devices() && self.requires.agent.is_none() {
            problems.push(BadManifest::AgentMissing(kind.as_str()));
        }
        match self.interval_s {
            Some(interval) if !kind.is_scheduled() => problems.push(BadManifest::NotScheduled(interval)),
            Some(interval) if !(INTERVAL_S_MIN..=INTERVAL_S_MAX).contains(&interval) => {
                problems.push(BadManifest::Interval(interval));
            }
            _ => {}
        }
        if self.parameters_schema.is_some() && kind != Kind::Script {
            problems.push(BadManifest::ParametersWithoutScript(kind.as_str()));
        }
        if kind == Kind::Probe && self.config_schema.pointer("/properties/targets/type") != Some(&"array".into()) {
            problems.push(BadManifest::TargetsMissing);
        }
        for entry in self.permissions.iter().filter(|entry| entry.optional && !kind.runs_on_devices()) {
            problems.push(BadManifest::OptionalForConnector(entry.name.clone()));
        }
        let changing =
            |entry: &&PermissionAsked| Permission::parse(&entry.name).is_ok_and(Permission::changes_the_device);
        for entry in self.permissions.iter().filter(changing).filter(|_| kind != Kind::Script) {
            problems.push(BadManifest::ChangesDevice { name: entry.name.clone(), kind: kind.as_str() });
        }
    }

    fn problems_of_permissions(&self, problems: &mut Vec<BadManifest>) {
        let mut names = BTreeSet::new();
        for entry in &self.permissions {
            problems.extend(asked(entry).err());
            if !names.insert(&entry.name) {
                problems.push(BadManifest::PermissionTwice(entry.name.clone()));
            }
        }
    }

    /// Returns the kind.
    pub fn kind(&self) -> Result<Kind, BadManifest> {
        Kind::parse(&self.kind)
    }

    /// Returns the permissions that it asks, with their scopes.
    pub fn asked(&self) -> Result<Grants, BadManifest> {
        let mut all = BTreeMap::new();
        for entry in &self.permissions {
            let (permission, scope) = asked(entry)?;
            if all.insert(permission, scope).is_some() {
                return Err(BadManifest::PermissionTwice(entry.name.clone()));
            }
        }
        Ok(Grants(all))
    }

    /// Returns the permissions without which it does.
    pub fn optional(&self) -> BTreeSet<Permission> {
        if self.kind == Kind::TicketingConnector.as_str() {
            return BTreeSet::new();
        }
        let optional = self.permissions.iter().filter(|entry| entry.optional);
        optional.filter_map(|entry| Permission::parse(&entry.name).ok()).collect()
    }

    /// Returns what one run may spend.
    pub fn budget(&self) -> Result<Budget, BadManifest> {
        Ok(self.budget.resolve()?)
    }

    /// Returns how often it runs when the installation says nothing else.
    pub fn interval_s_or_default(&self) -> u64 {
        self.interval_s.unwrap_or(60)
    }
}

fn platform(got: &[String], field: &'static str, known: &[&str], words: &'static str, problems: &mut Vec<BadManifest>) {
    for entry in got.iter().filter(|entry| !known.contains(&entry.as_str())) {
        problems.push(BadManifest::UnknownPlatform { field, got: shorten(entry), known: words });
    }
}

fn asked(entry: &PermissionAsked) -> Result<(Permission, Scope), BadManifest> {
    let permission = Permission::parse(&entry.name)?;
    let set = |part: &[String]| part.iter().cloned().collect();
    let scope = Scope {
        origins: set(&entry.origins),
        secrets: set(&entry.secrets),
        units: set(&entry.units),
        globs: set(&entry.globs),
        hosts: set(&entry.hosts),
        commands: set(&entry.commands),
    };
    let problem = crate::reach::problem(permission, &scope);
    match problem {
        Some(problem) => Err(BadManifest::PermissionScope { name: entry.name.clone(), problem }),
        None => Ok((permission, scope)),
    }
}

pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}
