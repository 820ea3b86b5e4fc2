//! Instances that are called again: only where an MSP chose it for an installation, only for what is the same in everything, a few
//! at a time, not for long, and never after an error.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fitment_domain::budget::Budget;
use fitment_domain::capability::{Grants, Permission};
use fitment_domain::run::{ArtifactKey, Invocation, RunRequest};
use wasmtime::Store;

use crate::engine::KEPT_MAX;
use crate::state::RunState;
use crate::world::{Guest, Instance};

/// Calls of one instance: what it leaks ends with it.
const CALLS_MAX: u32 = 1_000;
const AGE_MAX: Duration = Duration::from_secs(3_600);
/// What nobody asked for in so long is not worth its memory.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Kept instances are memory that nobody uses meanwhile.
const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What must be equal for an instance to be called again. Tenant and device are this process's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Sameness {
    /// Which installation.
    installation: String,
    artifact: ArtifactKey,
    invocation: Invocation,
    config: String,
    parameters: String,
    grants: Grants,
    optional: BTreeSet<Permission>,
    budget: Budget,
}

impl Sameness {
    /// Returns what a run has to share with the one before it; nothing if it wants a fresh instance.
    pub fn of(request: &RunRequest) -> Option<Self> {
        Some(Self {
            installation: request.warm.clone()?,
            artifact: request.artifact.clone(),
            invocation: request.invocation.clone(),
            config: request.config.clone(),
            parameters: request.parameters.clone(),
            grants: request.grants.clone(),
            optional: request.optional.clone(),
            budget: request.budget.clone(),
        })
    }

    /// Returns whether both are of one installation and one target: only the last of them is worth keeping.
    fn takes_the_place_of(&self, other: &Self) -> bool {
        self.installation == other.installation && self.invocation == other.invocation
    }
}

/// An instance after a call that went well.
pub struct Kept {
    /// Before `linked`: what it holds of the component goes first.
    pub(crate) store: Store<RunState>,
    pub(crate) instance: Instance,
    /// What it was made from; another linking of the same artifact is another instance.
    pub(crate) linked: Arc<dyn Guest>,
    pub(crate) calls: u32,
    pub(crate) made: Instant,
    /// When its last run began.
    pub(crate) used: Instant,
}

impl Kept {
    fn is_spent(&self) -> bool {
        self.calls >= CALLS_MAX || self.made.elapsed() >= AGE_MAX || self.used.elapsed() >= IDLE_MAX
    }

    fn memory_bytes(&self) -> u64 {
        self.store.data().limiter.memory_bytes()
    }
}

/// The instances that one runner keeps, the longest unused first. Clones share them.
#[derive(Clone, Default)]
pub struct Warm(Arc<Mutex<Vec<(Sameness, Kept)>>>);

impl Warm {
    /// Ends what is kept no longer.
    pub fn sweep(&self) {
        self.all().retain(|(_, kept)| !kept.is_spent());
    }

    /// Takes out the instance that is the same in everything. One of an earlier configuration, release or grant ends.
    pub fn take(&self, wanted: &Sameness, linked: &Arc<dyn Guest>) -> Option<Kept> {
        let mut all = self.all();
        let at = all.iter().position(|(same, _)| same.takes_the_place_of(wanted))?;
        let (same, kept) = all.remove(at);
        (same == *wanted && Arc::ptr_eq(&kept.linked, linked) && !kept.is_spent()).then_some(kept)
    }

    /// Keeps an instance for the next run. Those that were not used for longest make room.
    pub fn keep(&self, same: Sameness, kept: Kept) {
        let mut all = self.all();
        all.retain(|(other, _)| !other.takes_the_place_of(&same));
        let mut held = kept.memory_bytes() + all.iter().map(|(_, other)| other.memory_bytes()).sum::<u64>();
        while !all.is_empty() && (all.len() >= KEPT_MAX as usize || held > MEMORY_BYTES_MAX) {
            let (_, oldest) = all.remove(0);
            held = held.saturating_sub(oldest.memory_bytes());
        }
        if held <= MEMORY_BYTES_MAX {
            all.push((same, kept));
        }
    }

    /// Ends the instances of an artifact.
    pub fn unload(&self, artifact: &str) {
        self.all().retain(|(same, _)| same.artifact != artifact);
    }

    fn all(&self) -> MutexGuard<'_, Vec<(Sameness, Kept)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
