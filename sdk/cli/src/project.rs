//! The author's folder: `fitment.toml` and what lies beside it become a manifest and a listing.

use std::path::{Component, Path, PathBuf};

use fitment_domain::budget::BudgetAsked;
use fitment_domain::manifest::{AccessoryName, Manifest, PermissionAsked, Requirements};
use fitment_domain::release::Listing;
use fitment_domain::validation::Problem;
use semver::Version;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::failure::{Failure, problem_lines};
use crate::{files, place};

/// The name of the file.
pub const FILE: &str = "fitment.toml";
const TOML_BYTES_MAX: usize = 64 * 1024;
const TEXT_BYTES_MAX: usize = 256 * 1024;
const STACK_BYTES_MIN: u32 = 4 * 1024;
const STACK_BYTES_MAX: u32 = 8 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    accessory: Accessory,
    requires: Requirements,
    #[serde(default, rename = "permission")]
    permissions: Vec<PermissionAsked>,
    #[serde(default)]
    config: Option<Config>,
    #[serde(default)]
    parameters: Option<Config>,
    #[serde(default)]
    schedule: Option<Schedule>,
    #[serde(default)]
    budget: BudgetAsked,
    #[serde(default)]
    improves: Option<Improves>,
    #[serde(default)]
    build: Build,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accessory {
    name: AccessoryName,
    #[serde(deserialize_with = "version")]
    version: Version,
    kind: String,
    summary: String,
    license: String,
    authors: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    source: Option<String>,
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
    let text = String::deserialize(deserializer)?;
    Version::parse(&text)
        .map_err(|e| D::Error::custom(format!("accessory.version {text:?} is no version ({e}): write it like 1.0.0")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    schema: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Schedule {
    interval_s: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Improves {
    measure: String,
}

/// How the guest is built.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Build {
    stack_bytes: u32,
    /// It brings a language along; whoever installs it reads so.
    large: bool,
}

impl Default for Build {
    fn default() -> Self {
        // Small, because every fresh run touches it; a guest that overflows it traps.
        Self { stack_bytes: 32 * 1024, large: false }
    }
}

/// An author's folder that was read.
#[derive(Debug)]
pub struct Project {
    pub manifest: Manifest,
    pub listing: Listing,
    /// The guest's stack, in bytes.
    pub stack_bytes: u32,
    /// The file and what stands in it, for places in messages.
    path: PathBuf,
    text: String,
}

impl Project {
    /// Reads `fitment.toml`, the schema it names, README.md and CHANGELOG.md.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(Failure::environment(format!(
                "there is no {FILE} in {}: name the accessory's folder",
                folder.display()
            )));
        }
        let text = files::read_text(&path, TOML_BYTES_MAX)?;
        let document: Document = place::parse(&path, &text)?;
        let stack_bytes = stack_bytes(&document.build, &path)?;
        let config_schema = match &document.config {
            Some(config) => schema(folder, &path, "config", config)?,
            // An accessory without a schema takes no configuration.
            None => json!({ "type": "object", "additionalProperties": false }),
        };
        let parameters_schema = document
            .parameters
            .as_ref()
            .map(|parameters| schema(folder, &path, "parameters", parameters))
            .transpose()?;
        let Accessory { name, version, kind, summary, license, authors, categories, source } = document.accessory;
        let manifest = Manifest {
            name,
            version,
            kind,
            requires: document.requires,
            permissions: document.permissions,
            config_schema,
            parameters_schema,
            interval_s: document.schedule.map(|schedule| schedule.interval_s),
            budget: document.budget,
            large: document.build.large,
            improves: document.improves.map(|improves| improves.measure),
        };
        let (readme, changelog) = (beside(folder, "README.md")?, beside(folder, "CHANGELOG.md")?);
        let listing = Listing { summary, license, authors, categories, source, readme, changelog };
        Ok(Self { manifest, listing, stack_bytes, path, text })
    }

    /// Renders a finding of the rules with the line that it is about.
    pub fn lines(&self, problem: &Problem) -> String {
        format!("{}: {}", place::of_message(&self.path, &self.text, &problem.message), problem_lines(problem))
    }
}

fn stack_bytes(build: &Build, path: &Path) -> Result<u32, Failure> {
    let bytes = build.stack_bytes;
    if (STACK_BYTES_MIN..=STACK_BYTES_MAX).contains(&bytes) && bytes.is_multiple_of(16) {
        return Ok(bytes);
    }
    let bounds = format!("it must be {STACK_BYTES_MIN} to {STACK_BYTES_MAX} and a multiple of 16");
    Err(Failure::environment(format!("{}: build.stack_bytes is {bytes}: {bounds}", path.display())))
}

fn schema(folder: &Path, toml: &Path, table: &str, Config { schema }: &Config) -> Result<Value, Failure> {
    let inside = Path::new(schema).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if schema.is_empty() || !inside {
        return Err(Failure::environment(format!(
            "{}: {table}.schema is {schema:?}: name a file in the same folder",
            toml.display()
        )));
    }
    let path = folder.join(schema);
    if !path.exists() {
        return Err(Failure::environment(format!(
            "{}: {table}.schema names {schema:?}, and there is no such file",
            toml.display()
        )));
    }
    let bytes = files::read(&path, TEXT_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|e| Failure::environment(format!("{} is no JSON: {e}", path.display())))
}

/// What is missing is empty: the check names it, together with everything else.
fn beside(folder: &Path, name: &str) -> Result<String, Failure> {
    let path = folder.join(name);
    if path.exists() { files::read_text(&path, TEXT_BYTES_MAX) } else { Ok(String::new()) }
}
