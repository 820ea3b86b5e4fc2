//! How things are named on the command line.

use std::collections::HashMap;
use std::str::FromStr;

use fitment_domain::artifact::Target;
use fitment_domain::manifest::AccessoryName;
use semver::Version;
use serde_json::Value;

use crate::api::{Api, ApiError};
use crate::failure::Failure;
use crate::table;

/// An accessory, and perhaps one of its versions: `publisher/name[@version]`.
#[derive(Debug, Clone)]
pub struct AccessoryRef {
    pub name: AccessoryName,
    pub version: Option<Version>,
}

impl FromStr for AccessoryRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => {
                (name, Some(Version::parse(version).map_err(|e| format!("version {version:?}: {e}"))?))
            }
            None => (text, None),
        };
        let name =
            AccessoryName::parse(name).map_err(|e| format!("{e}; write publisher/name or publisher/name@version"))?;
        Ok(Self { name, version })
    }
}

/// One release: `publisher/name@version`.
#[derive(Debug, Clone)]
pub struct ReleaseRef {
    pub name: AccessoryName,
    pub version: Version,
}

impl FromStr for ReleaseRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let AccessoryRef { name, version } = text.parse()?;
        let version = version.ok_or("the version is missing: write publisher/name@version")?;
        Ok(Self { name, version })
    }
}

impl std::fmt::Display for ReleaseRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// Reads the name of a target of compiled code.
pub fn target(text: &str) -> Result<Target, String> {
    let known = || Target::ALL.map(Target::as_str).join(", ");
    Target::parse(text).ok_or_else(|| format!("there are {}", known()))
}

/// A list of the marketplace in which names are looked up.
pub struct Directory {
    /// The route, which is also the member of its answer.
    pub list: &'static str,
    /// How identifiers begin.
    pub prefix: &'static str,
    pub noun: &'static str,
}

pub const CLIENTS: Directory = Directory { list: "clients", prefix: "cli_", noun: "client" };
pub const LOCATIONS: Directory = Directory { list: "locations", prefix: "loc_", noun: "location" };
pub const DEVICES: Directory = Directory { list: "devices", prefix: "dev_", noun: "device" };
pub const CATEGORIES: Directory = Directory { list: "categories", prefix: "cat_", noun: "category" };
pub const INSTALLATIONS: Directory = Directory { list: "installations", prefix: "ins_", noun: "installation" };
pub const CONNECTIONS: Directory = Directory { list: "connections", prefix: "con_", noun: "connection" };
pub const PEOPLE: Directory = Directory { list: "people", prefix: "acc_", noun: "person" };
pub const ACCOUNTS: Directory = Directory { list: "accounts", prefix: "acc_", noun: "account" };

/// A person is called by the address, and an installation by what is installed.
fn name_of(row: &Value) -> Option<&str> {
    ["email", "name", "accessory"].iter().find_map(|member| row.get(*member)).and_then(Value::as_str)
}

impl Directory {
    /// Returns the names by id; none where this account may not see the list.
    pub async fn names(&self, api: &Api) -> Result<HashMap<String, String>, Failure> {
        let answer = match api.get(&[self.list], &[]).await {
            Err(ApiError::Refused(_)) => return Ok(HashMap::new()),
            other => other?,
        };
        let pair = |row: &Value| Some((row["id"].as_str()?.to_owned(), name_of(row)?.to_owned()));
        Ok(table::rows(&answer, self.list).iter().filter_map(pair).collect())
    }

    /// Returns the identifier of what was named by its identifier or by its name.
    pub async fn id(&self, api: &Api, named: &str) -> Result<String, Failure> {
        if named.starts_with(self.prefix) {
            return Ok(named.to_owned());
        }
        let answer = api.get(&[self.list], &[]).await?;
        let same = |row: &&Value| name_of(row) == Some(named);
        let mut found = table::rows(&answer, self.list).iter().filter(same).filter_map(|row| row["id"].as_str());
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id.to_owned()),
            (None, _) => Err(Failure::refused(format!(
                "there is no {} {named:?}: `fitment {}` lists them",
                self.noun, self.list
            ))),
            (Some(_), Some(_)) => {
                Err(Failure::refused(format!("more than one {} is called {named:?}: give the id", self.noun)))
            }
        }
    }
}
