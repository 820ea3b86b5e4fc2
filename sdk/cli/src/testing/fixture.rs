//! A case in `tests/`: what the device is, what the accessory is told, and what it may cost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fitment_domain::budget::Usage;
use fitment_domain::reading::{
    Cpu, File, Filesystem, LogEntry, Memory, Network, Packages, Process, Service, Temperature, Uptime,
};
use fitment_domain::run::{Fact, Fault};
use fitment_domain::simulation::{Simulated, Simulation};
use fitment_domain::ticket::remote;
use serde::Deserialize;

use super::answers::{ActAnswer, Answers, HttpAnswer, NetAnswers};
use crate::failure::Failure;
use crate::{files, place};

const FIXTURE_BYTES_MAX: usize = 1024 * 1024;
/// 2026-01-01T00:00:00Z, when a case does not say when it takes place.
const NOW_MS: i64 = 1_767_225_600_000;

/// What stands in `tests/NAME.toml`. Everything may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: Option<String>,
    #[serde(default)]
    now_ms: Option<i64>,
    #[serde(default = "empty")]
    config: serde_json::Value,
    #[serde(default = "empty")]
    parameters: serde_json::Value,
    /// Permissions that were asked and not granted.
    #[serde(default)]
    without: Vec<String>,
    /// Connectors: what is asked of them.
    #[serde(default)]
    call: Option<remote::Call>,
    /// Connectors: where the connection leads.
    #[serde(default)]
    connection: Option<String>,
    /// Probes: the target that is looked at.
    #[serde(default)]
    target: Option<String>,
    /// What an earlier run left, as texts.
    #[serde(default)]
    state: BTreeMap<String, String>,
    #[serde(default)]
    facts: BTreeMap<String, FactWritten>,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    filesystems: Option<Vec<Filesystem>>,
    networks: Option<Vec<Network>>,
    temperatures: Option<Vec<Temperature>>,
    uptime: Option<Uptime>,
    services: Option<Vec<Service>>,
    packages: Option<Packages>,
    files: Option<Vec<File>>,
    processes: Option<Vec<Process>>,
    logs: Option<Vec<LogEntry>>,
    #[serde(default)]
    faults: Faults,
    #[serde(default)]
    http: Vec<HttpAnswer>,
    #[serde(default)]
    net: NetAnswers,
    #[serde(default)]
    acts: Vec<ActAnswer>,
    #[serde(default)]
    cost: Cost,
}

fn empty() -> serde_json::Value {
    serde_json::json!({})
}

/// A fact as an author writes it.
#[derive(Deserialize)]
#[serde(untagged)]
enum FactWritten {
    Text(String),
    Number(f64),
    Flag(bool),
    Many(Vec<String>),
}

impl From<FactWritten> for Fact {
    fn from(fact: FactWritten) -> Self {
        match fact {
            FactWritten::Text(text) => Fact::Text(text),
            FactWritten::Number(number) => Fact::Number(number),
            FactWritten::Flag(flag) => Fact::Flag(flag),
            FactWritten::Many(many) => Fact::Many(many),
        }
    }
}

/// Readings that fail.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Faults {
    cpu: Option<Fault>,
    memory: Option<Fault>,
    filesystems: Option<Fault>,
    networks: Option<Fault>,
    temperatures: Option<Fault>,
    uptime: Option<Fault>,
    services: Option<Fault>,
    packages: Option<Fault>,
    files: Option<Fault>,
    processes: Option<Fault>,
    logs: Option<Fault>,
}

/// What the run may cost in this case, below what the manifest allows.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    pub fuel_max: Option<u64>,
    pub memory_bytes_max: Option<u64>,
    pub host_calls_max: Option<u64>,
    pub http_calls_max: Option<u64>,
    pub result_bytes_max: Option<u64>,
}

impl Cost {
    /// Returns every bound that a run went beyond.
    pub fn exceeded(&self, usage: &Usage) -> Vec<String> {
        let bounds = [
            ("fuel_max", self.fuel_max, usage.fuel),
            ("memory_bytes_max", self.memory_bytes_max, usage.memory_bytes_peak),
            ("host_calls_max", self.host_calls_max, usage.host_calls),
            ("http_calls_max", self.http_calls_max, usage.http_calls),
            ("result_bytes_max", self.result_bytes_max, usage.result_bytes),
        ];
        let over = |(field, max, spent): (&str, Option<u64>, u64)| {
            max.filter(|max| spent > *max).map(|max| format!("cost.{field} is {max}, the run took {spent}"))
        };
        bounds.into_iter().filter_map(over).collect()
    }
}

/// One case that was read.
#[derive(Debug, Clone)]
pub struct Fixture {
    pub path: PathBuf,
    pub name: String,
    pub now_ms: i64,
    pub config: serde_json::Value,
    pub parameters: serde_json::Value,
    pub without: Vec<String>,
    pub call: Option<remote::Call>,
    pub connection: Option<String>,
    pub target: Option<String>,
    pub state: BTreeMap<String, String>,
    /// Ordered by name.
    pub facts: Vec<(String, Fact)>,
    pub device: Simulation,
    pub answers: Answers,
    pub cost: Cost,
}

impl Fixture {
    /// Reads one case.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = files::read_text(path, FIXTURE_BYTES_MAX)?;
        Ok(Self::of(path, place::parse(path, &text)?))
    }

    /// Reads every case of a folder, in the order of their names.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, Failure> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(folder).map_err(|e| files::cannot("list", folder, &e))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn of(path: &Path, document: Document) -> Self {
        let faults = document.faults;
        let device = Simulation {
            cpu: simulated(document.cpu, faults.cpu),
            memory: simulated(document.memory, faults.memory),
            filesystems: simulated(document.filesystems, faults.filesystems),
            networks: simulated(document.networks, faults.networks),
            temperatures: simulated(document.temperatures, faults.temperatures),
            uptime: simulated(document.uptime, faults.uptime),
            services: simulated(document.services, faults.services),
            packages: simulated(document.packages, faults.packages),
            files: simulated(document.files, faults.files),
            processes: simulated(document.processes, faults.processes),
            logs: simulated(document.logs, faults.logs),
            leaves: document.acts.iter().filter_map(|act| Some((act.act.clone(), act.leaves?))).collect(),
        };
        let mut acts = document.acts;
        for act in &mut acts {
            act.bytes =
                act.bytes.or_else(|| device.files.as_ref()?.as_ref().ok().and_then(|files| held(files, &act.act)));
        }
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace(['-', '_'], " "));
        Self {
            path: path.to_owned(),
            name: document.name.unwrap_or(stem),
            now_ms: document.now_ms.unwrap_or(NOW_MS),
            config: document.config,
            parameters: document.parameters,
            without: document.without,
            call: document.call,
            connection: document.connection,
            target: document.target,
            state: document.state,
            facts: document.facts.into_iter().map(|(name, fact)| (name, fact.into())).collect(),
            device,
            answers: Answers { http: document.http, net: document.net, acts },
            cost: document.cost,
        }
    }
}

/// Returns how many bytes the file holds that an act removes.
fn held(files: &[File], act: &str) -> Option<u64> {
    let path = act.strip_prefix("remove ")?;
    let file = files.iter().find(|file| file.path == path)?;
    Some(file.size_bytes.unwrap_or(file.contents.len() as u64))
}

/// A fault is the stronger word: a case may keep the value beside it.
fn simulated<T>(value: Option<T>, fault: Option<Fault>) -> Simulated<T> {
    fault.map(Err).or_else(|| value.map(Ok))
}
