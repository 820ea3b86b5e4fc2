//! The items of the set, each either running or waiting for a component that passes the door.

use std::collections::BTreeMap;
use std::sync::Arc;

use fitment_domain::device::Facts;
use fitment_domain::id::InstallationId;
use fitment_domain::instruction::{InstructionSet, Item};
use fitment_domain::protocol::RunResult;
use tokio::time::Instant;

use crate::artifacts::Artifacts;
use crate::backoff::Backoff;
use crate::client::Client;
use crate::door::{self, Admitted, Purpose, Refusal, Trust};
use crate::folder::StateFolder;
use crate::memory::Memory;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::sandbox::LazySandbox;
use crate::schedule::{FirstRun, Schedule};
use crate::status::{Board, ItemStatus, Standing, Topic};
use crate::{cache, clock, random, runs};

const DISK_REMEDY: &str = "make room on the disk of the state folder, and let only this account write there";

/// Everything that the roster works with.
pub struct Tools {
    pub folder: StateFolder,
    pub client: Arc<Client>,
    pub outbox: Arc<Outbox>,
    pub board: Board,
    pub sandbox: Arc<LazySandbox>,
    pub facts: Facts,
    pub trust: Trust,
    pub memory: Memory,
    pub artifacts: Arc<Artifacts>,
}

struct Waiting {
    item: Item,
    /// Why what lay in the cache was refused.
    cached: Option<String>,
    /// Fetching it (again) would change nothing: it is refused until the next set.
    hopeless: bool,
    /// Whether the server was told already.
    reported: bool,
    /// What the log says already.
    told: Option<Standing>,
}

/// Why an item does not run.
enum Obstacle {
    /// Its component is not here, and cannot be had now.
    Away(String),
    Refused {
        reason: String,
        hopeless: bool,
    },
}

impl Obstacle {
    fn refused(refusal: &Refusal) -> Self {
        Self::Refused { reason: refusal.to_string(), hopeless: !refusal.may_heal() }
    }
}

/// The items of the set that counts.
pub struct Roster {
    tools: Tools,
    schedule: Schedule,
    /// The items of the set before; none before there was one.
    before: Option<Vec<Item>>,
    waiting: BTreeMap<InstallationId, Waiting>,
    backoff: Backoff,
    next_try: Instant,
}

impl Roster {
    /// Makes an empty roster.
    pub fn new(tools: Tools, schedule: Schedule) -> Self {
        Self {
            tools,
            schedule,
            before: None,
            waiting: BTreeMap::new(),
            backoff: Backoff::default(),
            next_try: Instant::now(),
        }
    }

    /// Returns whether nothing is to be fetched.
    pub fn is_complete(&self) -> bool {
        self.waiting.values().all(|waiting| waiting.hopeless)
    }

    /// Replaces all items. Those that did not change go on; the others start from the cache, or wait to be fetched.
    pub async fn replace(&mut self, set: &InstructionSet, first: FirstRun) {
        self.schedule.keep_only(&set.items);
        // What an item did before is held against it until somebody changes it, however often it starts.
        if let Some(before) = self.before.replace(set.items.clone()) {
            set.changed_since(&before).for_each(|item| self.schedule.forgive(item));
        }
        self.waiting.clear();
        self.show(set);
        for item in &set.items {
            if self.schedule.runs(item) {
                continue;
            }
            match self.cached(item).await {
                Ok(Some(admitted)) => self.start(admitted, first),
                Ok(None) => self.wait(item, None),
                Err(Obstacle::Refused { reason, hopeless: false }) => {
                    self.wait(item, Some(format!("the cached component was refused: {reason}")));
                }
                Err(obstacle) => {
                    self.wait(item, None);
                    self.still_waits(item, obstacle).await;
                }
            }
        }
        self.next_try = Instant::now();
        self.tidy(set).await;
    }

    fn show(&self, set: &InstructionSet) {
        self.tools.board.update(|status| {
            let known = std::mem::take(&mut status.items);
            let describe = |item: &Item| {
                let runs = self.schedule.runs(item);
                let before = known.iter().find(|known| runs && known.installation == item.installation).cloned();
                before.unwrap_or_else(|| ItemStatus::of(item, Standing::Waiting("not loaded yet".to_owned())))
            };
            status.items = set.items.iter().map(describe).collect();
            (status.set, status.group, status.set_expires) = (Some(set.time), set.group.clone(), Some(set.expires));
        });
    }

    fn stands(&self, installation: &InstallationId, standing: Standing) {
        self.tools.board.update(|status| {
            if let Some(item) = status.items.iter_mut().find(|item| item.installation == *installation) {
                item.standing = standing;
            }
        });
    }

    fn start(&mut self, admitted: Admitted, first: FirstRun) {
        self.waiting.remove(&admitted.item.installation);
        self.stands(&admitted.item.installation, Standing::Running);
        self.schedule.start(admitted, first);
    }

    fn wait(&mut self, item: &Item, cached: Option<String>) {
        let standing = match &cached {
            Some(reason) => Standing::Refused(reason.clone()),
            None => Standing::Waiting("its component is still to be fetched".to_owned()),
        };
        self.stands(&item.installation, standing);
        let waiting = Waiting { item: item.clone(), cached, hopeless: false, reported: false, told: None };
        self.waiting.insert(item.installation.clone(), waiting);
    }

    async fn admit(&self, item: &Item, component: Vec<u8>) -> Result<Admitted, Refusal> {
        let (item, trust, facts) = (item.clone(), self.tools.trust.clone(), self.tools.facts.clone());
        let admit = move || door::admit(&item, component, &trust, &facts, Purpose::Schedule);
        let verdict = tokio::task::spawn_blocking(admit).await;
        verdict.unwrap_or(Err(Refusal::Interrupted))
    }

    /// A cached component that was changed is removed: it may pass when fetched again.
    async fn cached(&self, item: &Item) -> Result<Option<Admitted>, Obstacle> {
        let obstacle = match cache::read(&self.tools.folder, &item.digest) {
            Ok(None) => return Ok(None),
            Ok(Some(component)) => match self.admit(item, component).await {
                Ok(admitted) => return Ok(Some(admitted)),
                Err(refusal) => Obstacle::refused(&refusal),
            },
            Err(error) => Obstacle::Refused { reason: error.to_string(), hopeless: false },
        };
        if let Obstacle::Refused { reason, hopeless: false } = &obstacle {
            tracing::warn!(accessory = %item.accessory, digest = %item.digest, reason, "a cached component is removed");
            if let Err(error) = cache::discard(&self.tools.folder, &item.digest) {
                tracing::warn!(%error, "the refused component stays, and will be refused again");
            }
        }
        Err(obstacle)
    }

    /// Fetches what waits, unless that went wrong a moment ago.
    pub async fn fetch_missing(&mut self) {
        self.tools.artifacts.tell().await;
        if Instant::now() < self.next_try {
            return;
        }
        let missing = self.waiting.values().filter(|waiting| !waiting.hopeless);
        let waiting: Vec<Item> = missing.map(|waiting| waiting.item.clone()).collect();
        for item in waiting {
            match self.fetch(&item).await {
                Ok(admitted) => self.start(admitted, FirstRun::Soon),
                Err(obstacle) => self.still_waits(&item, obstacle).await,
            }
        }
        if self.is_complete() {
            self.backoff.reset();
        } else {
            self.next_try = Instant::now() + self.backoff.after_failure(random::jitter());
        }
    }

    async fn fetch(&self, item: &Item) -> Result<Admitted, Obstacle> {
        let component = self.tools.client.object(&item.digest).await.map_err(|error| {
            let reason = format!("its component cannot be fetched: {error}");
            if error.needs_a_person() { Obstacle::Refused { reason, hopeless: false } } else { Obstacle::Away(reason) }
        })?;
        let admitted = self.admit(item, component).await.map_err(|refusal| Obstacle::refused(&refusal))?;
        match cache::write(&self.tools.folder, &item.digest, &admitted.component.bytes) {
            Ok(()) => self.tools.board.solved(Topic::Cache),
            Err(error) => {
                let problem = Problem::new("cache-not-written", &error.to_string(), DISK_REMEDY, clock::now());
                self.tools.board.problem(Topic::Cache, problem);
            }
        }
        Ok(admitted)
    }

    async fn still_waits(&mut self, item: &Item, obstacle: Obstacle) {
        let Some(waiting) = self.waiting.get_mut(&item.installation) else { return };
        // What is merely on its way is no result; what was refused is, also when the server is away.
        let standing = match (obstacle, &waiting.cached) {
            (Obstacle::Away(reason), Some(cached)) => Standing::Refused(format!("{cached}; {reason}")),
            (Obstacle::Away(reason), None) => Standing::Waiting(reason),
            (Obstacle::Refused { reason, hopeless }, _) => {
                waiting.hopeless = hopeless;
                Standing::Refused(reason)
            }
        };
        let report = match &standing {
            Standing::Refused(reason) if !waiting.reported => Some(reason.clone()),
            _ => None,
        };
        waiting.reported |= report.is_some();
        if waiting.told.replace(standing.clone()).as_ref() != Some(&standing) {
            tracing::warn!(accessory = %item.accessory, ?standing, "an item does not run");
        }
        self.stands(&item.installation, standing);
        let Some(reason) = report else { return };
        let result = RunResult {
            version: Some(item.version.clone()),
            sequence: 0,
            installation: item.installation.clone(),
            started: clock::now(),
            usage: Default::default(),
            outcome: runs::failed("refused", &reason),
            log: Vec::new(),
        };
        self.tools.outbox.put(result).await;
    }

    async fn tidy(&self, set: &InstructionSet) {
        let needed = set.items.iter().map(|item| item.digest.clone()).collect();
        match cache::keep_only(&self.tools.folder, &needed) {
            Ok(removed) => {
                for digest in removed {
                    self.tools.sandbox.forget(&digest).await;
                }
            }
            Err(error) => tracing::warn!(%error, "components that nobody needs stay in the cache"),
        }
        let installations = set.items.iter().map(|item| item.installation.clone()).collect();
        if let Err(error) = self.tools.memory.tidy(&installations, clock::now()) {
            tracing::warn!(%error, "what removed installations left stays on the disk");
        }
    }

    /// Stops all items.
    pub async fn stop(self) {
        self.schedule.stop().await;
    }
}
