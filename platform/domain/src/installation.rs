//! An installation: which accessory, where, with which configuration, agreed to by whom.

use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::budget::BudgetAsked;
use crate::capability::{Grants, Permission};
use crate::id::{ClientId, DeviceId, InstallationId, LocationId, ReleaseId};
use crate::manifest::AccessoryName;
use crate::time::UnixMs;

/// Where an installation applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Every device of the tenant.
    All,
    Client(ClientId),
    Location(LocationId),
    Device(DeviceId),
    /// Any of several; none of them is several itself.
    Any(Vec<Target>),
}

/// The most targets of one installation.
pub const TARGETS_MAX: usize = 200;

impl Target {
    /// Returns whether a device is meant.
    pub fn covers(&self, client: &ClientId, location: &LocationId, device: &DeviceId) -> bool {
        match self {
            Target::All => true,
            Target::Client(id) => id == client,
            Target::Location(id) => id == location,
            Target::Device(id) => id == device,
            Target::Any(several) => several.iter().any(|target| target.covers(client, location, device)),
        }
    }

    /// Returns whether everything that another target can ever mean is meant by this one too.
    pub fn includes(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::All, _) => true,
            (_, Target::Any(several)) => several.iter().all(|target| self.includes(target)),
            (Target::Any(several), _) => several.contains(other),
            _ => self == other,
        }
    }

    /// Returns the target with another device in the place of one: what was meant for it goes on being meant.
    pub fn with_device_replaced(self, from: &DeviceId, to: &DeviceId) -> Self {
        match self {
            Target::Device(id) if id == *from => Target::Device(to.clone()),
            Target::Any(several) => {
                Target::Any(several.into_iter().map(|target| target.with_device_replaced(from, to)).collect())
            }
            other => other,
        }
    }
}

/// An installation as the store keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Installation {
    pub id: InstallationId,
    pub release: ReleaseId,
    pub accessory: AccessoryName,
    pub version: Version,
    pub target: Target,
    /// Validated against the release's schema.
    pub config: serde_json::Value,
    pub interval_s: u64,
    /// What the approver agreed to, after every layer.
    pub grants: Grants,
    /// What a run may spend beyond, or below, what the manifest asks; empty if nothing else was granted.
    #[serde(default)]
    pub budget: BudgetAsked,
    pub installed: UnixMs,
    /// Whether its instances are kept between runs.
    pub warm: bool,
}

/// Why a consent is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "consent must name the permissions that are asked, and may leave out those that are optional; missing: [{missing}], not asked: [{surplus}]"
)]
pub struct ConsentMismatch {
    pub missing: String,
    pub surplus: String,
}

/// Returns what a person agreed to of what is asked: no less than what the accessory needs, and nothing that is not there.
pub fn agreed(
    asked: &Grants,
    optional: &BTreeSet<Permission>,
    consent: &BTreeSet<String>,
) -> Result<Grants, ConsentMismatch> {
    let names = |all: &mut dyn Iterator<Item = &Permission>| all.map(|p| p.name().to_owned()).collect::<BTreeSet<_>>();
    let every = names(&mut asked.0.keys());
    let needed = names(&mut asked.0.keys().filter(|permission| !optional.contains(permission)));
    let list = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect::<Vec<_>>().join(", ");
    if !needed.is_subset(consent) || !consent.is_subset(&every) {
        return Err(ConsentMismatch { missing: list(&needed, consent), surplus: list(consent, &every) });
    }
    let kept = asked.0.iter().filter(|(permission, _)| consent.contains(permission.name()));
    Ok(Grants(kept.map(|(permission, scope)| (*permission, scope.clone())).collect()))
}

/// Why a configuration is refused.
#[cfg(feature = "server")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadConfig {
    #[error("the accessory's schema is broken: {0}")]
    Schema(String),
    #[error("{}", .0.join("; "))]
    Invalid(Vec<String>),
}

/// Checks a configuration against the accessory's JSON Schema. Schemas that refer to other documents are refused.
#[cfg(feature = "server")]
pub fn check_config(schema: &serde_json::Value, config: &serde_json::Value) -> Result<(), BadConfig> {
    check_by_schema("config", schema, config)
}

/// Checks the parameters of one run. An accessory without a schema for them takes none.
#[cfg(feature = "server")]
pub fn check_parameters(schema: Option<&serde_json::Value>, parameters: &serde_json::Value) -> Result<(), BadConfig> {
    match schema {
        Some(schema) => check_by_schema("parameters", schema, parameters),
        None if parameters.as_object().is_some_and(serde_json::Map::is_empty) => Ok(()),
        None => Err(BadConfig::Invalid(vec!["parameters: this accessory takes none, leave them out".to_owned()])),
    }
}

#[cfg(feature = "server")]
fn check_by_schema(name: &str, schema: &serde_json::Value, value: &serde_json::Value) -> Result<(), BadConfig> {
    let validator = jsonschema::validator_for(schema).map_err(|e| BadConfig::Schema(e.to_string()))?;
    let errors: Vec<String> = validator
        .iter_errors(value)
        .take(20)
        .map(|error| {
            let path = error.instance_path().to_string();
            format!("{name}{}: {error}", if path.is_empty() { String::new() } else { path.replace('/', ".") })
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(BadConfig::Invalid(errors)) }
}

/// Checks that a schema is one that `check_config` can use, and that its own defaults meet it.
#[cfg(feature = "server")]
pub fn check_schema(name: &str, schema: &serde_json::Value) -> Result<(), BadConfig> {
    let Some(members) = schema.as_object() else {
        return Err(BadConfig::Schema("it must be a JSON object".to_owned()));
    };
    jsonschema::meta::validate(schema).map_err(|e| BadConfig::Schema(e.to_string()))?;
    jsonschema::validator_for(schema).map_err(|e| BadConfig::Schema(e.to_string()))?;
    let properties = members.get("properties").and_then(serde_json::Value::as_object);
    let defaults =
        properties.into_iter().flatten().filter_map(|(key, one)| Some((key.clone(), one.get("default")?.clone())));
    // What an installer has to say has no default, and is not asked here.
    let mut open = members.clone();
    open.remove("required");
    check_by_schema(&format!("default of {name}"), &open.into(), &defaults.collect::<serde_json::Map<_, _>>().into())
}
