//! What the agent says of itself: kept in memory by all loops, and in one file for `fitment-agent status`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fitment_domain::bytes::Digest;
use fitment_domain::id::{DeviceId, InstallationId, TenantId};
use fitment_domain::instruction::{Item, SetTime};
use fitment_domain::time::UnixMs;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::clock;
use crate::files;
use crate::folder::StateFolder;
use crate::problem::Problem;
use crate::spool::SpoolCounts;
use crate::stop::Stop;

/// Room for a status that got longer.
const FILE_BYTES_MIN: usize = 16 * 1024;
const WRITE_EVERY: Duration = Duration::from_millis(250);

/// Everything that `status` shows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    pub agent_version: String,
    pub started: UnixMs,
    pub updated: UnixMs,
    pub server: String,
    pub tenant: Option<TenantId>,
    pub device: Option<DeviceId>,
    pub certificate_until: Option<UnixMs>,
    pub set: Option<SetTime>,
    pub group: String,
    pub set_expires: Option<UnixMs>,
    pub items: Vec<ItemStatus>,
    pub spool: SpoolCounts,
    /// When the server last answered.
    pub last_contact: Option<UnixMs>,
    /// Since the agent started: answers about instructions that were not taken.
    pub instructions_refused: u64,
    /// What this machine's kernel lacks of the sandbox's confinement; none before the sandbox was started.
    #[serde(default)]
    pub sandbox_lacks: Option<Vec<String>>,
    /// What is wrong now, by topic.
    pub problems: BTreeMap<Topic, Problem>,
}

/// What a problem is about. A topic has one problem at a time, and none once it works again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    Enrolment,
    Certificate,
    Contact,
    Facts,
    Instructions,
    KeptSet,
    Cache,
    Sandbox,
    Spool,
    Results,
    Orders,
}

/// Whether an item runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "reason")]
pub enum Standing {
    Running,
    /// Its component is not here yet.
    Waiting(String),
    /// Its package did not pass the door.
    Refused(String),
}

/// One item of the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemStatus {
    pub installation: InstallationId,
    pub accessory: String,
    pub version: String,
    pub digest: String,
    pub interval_s: u64,
    #[serde(flatten)]
    pub standing: Standing,
    /// Who compiled what runs, where the device's MSP takes code of others.
    #[serde(default)]
    pub code: Option<String>,
    pub last_run: Option<UnixMs>,
    /// How the last run went, in one line.
    pub last_outcome: Option<String>,
}

impl ItemStatus {
    /// Describes an item.
    pub fn of(item: &Item, standing: Standing) -> Self {
        Self {
            installation: item.installation.clone(),
            accessory: item.accessory.to_string(),
            version: item.version.to_string(),
            digest: item.digest.to_string(),
            interval_s: item.interval_s,
            standing,
            code: None,
            last_run: None,
            last_outcome: None,
        }
    }
}

/// Where all loops write their part of the status. Clones write to the same one.
#[derive(Clone)]
pub struct Board(Arc<Inner>);

struct Inner {
    status: Mutex<Status>,
    changed: Notify,
}

impl Board {
    /// Begins with what is known at the start.
    pub fn new(status: Status) -> Self {
        let board = Self(Arc::new(Inner { status: Mutex::new(status), changed: Notify::new() }));
        board.0.changed.notify_one();
        board
    }

    /// Changes the status.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.0.status.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.changed.notify_one();
    }

    /// Shows a problem, and logs it once while it lasts.
    pub fn problem(&self, topic: Topic, problem: Problem) {
        self.update(|status| {
            let known = status.problems.get(&topic).filter(|known| known.code == problem.code);
            let since = known.map_or(problem.since, |known| known.since);
            if known.is_none() {
                let Problem { code, message, remedy, .. } = &problem;
                tracing::warn!(?topic, code, detail = message, remedy, "a problem");
            }
            status.problems.insert(topic, Problem { since, ..problem });
        });
    }

    /// Notes what the sandbox's confinement lacks on this machine.
    pub fn confined(&self, lacks: &[String]) {
        // Asked with every run, and the same each time.
        if self.peek(|status| status.sandbox_lacks.as_deref() != Some(lacks)) {
            self.update(|status| status.sandbox_lacks = Some(lacks.to_vec()));
        }
    }

    /// Returns what it lacks; nothing where it is whole, or was not started yet.
    pub fn lacks(&self) -> Vec<String> {
        self.peek(|status| status.sandbox_lacks.clone()).unwrap_or_default()
    }

    fn peek<T>(&self, look: impl FnOnce(&Status) -> T) -> T {
        look(&self.0.status.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a problem back.
    pub fn solved(&self, topic: Topic) {
        if self.peek(|status| !status.problems.contains_key(&topic)) {
            return;
        }
        self.update(|status| {
            if let Some(problem) = status.problems.remove(&topic) {
                tracing::info!(?topic, code = problem.code, "the problem is gone");
            }
        });
    }

    /// Notes that the server answered.
    pub fn contact(&self, now: UnixMs) {
        self.update(|status| status.last_contact = Some(now));
        self.solved(Topic::Contact);
    }

    /// Notes how a run of an item went.
    pub fn ran(&self, installation: &InstallationId, at: UnixMs, outcome: String) {
        self.update(|status| {
            if let Some(item) = status.items.iter_mut().find(|item| item.installation == *installation) {
                item.last_run = Some(at);
                item.last_outcome = Some(outcome);
            }
        });
    }

    /// Notes who compiled what runs of a component.
    pub fn code(&self, component: &Digest, words: &str) {
        self.update(|status| {
            let of_it = status.items.iter_mut().filter(|item| item.digest == component.as_str());
            of_it.for_each(|item| item.code = Some(words.to_owned()));
        });
    }

    /// Says it in other words, where anything is said of it.
    pub fn code_again(&self, component: &Digest, words: &str) {
        self.update(|status| {
            let of_it = status.items.iter_mut().filter(|item| item.digest == component.as_str());
            of_it.filter(|item| item.code.is_some()).for_each(|item| item.code = Some(words.to_owned()));
        });
    }

    fn write(&self, folder: &StateFolder) {
        let mut status = self.peek(Status::clone);
        status.updated = clock::now();
        // It must be able to say that the disk is full.
        let place = folder.status();
        let written = serde_json::to_vec_pretty(&status).map(|json| files::write_in_room(&place, json, FILE_BYTES_MIN));
        if let Ok(Err(error)) = written {
            tracing::debug!(%error, "the status is not written");
        }
    }

    /// Writes the status whenever it changed, until it is time to stop.
    pub async fn keep_written(self, folder: StateFolder, mut stop: Stop) {
        while stop.or(self.0.changed.notified()).await.is_some() {
            let (board, place) = (self.clone(), folder.clone());
            let _ = tokio::task::spawn_blocking(move || board.write(&place)).await;
            if stop.sleep(WRITE_EVERY).await {
                break;
            }
        }
        self.write(&folder);
    }
}
