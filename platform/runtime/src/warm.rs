//! Instances that are called again: only where an MSP chose it for an installation, only for what is the same in everything, a few
//! at a time, not for long, and never after an error.

use std::collections::{BTreeSet, HashMap};
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
}

/// An instance after a call that went well.
pub struct Kept {
    /// Before `linked`: what it holds of the component goes first.
    pub(crate) store: Store<RunState>,
    pub(crate) instance: Option<Instance>,
    /// What it was made from; another linking of the same artifact is another instance.
    pub(crate) linked: Arc<dyn Guest>,
    pub(crate) calls: u32,
    pub(crate) made: Instant,
}

impl Kept {
    fn is_spent(&self) -> bool {
        self.calls >= CALLS_MAX || self.made.elapsed() >= AGE_MAX
    }

    fn memory_bytes(&self) -> u64 {
        self.store.data().limiter.memory_bytes()
    }
}

/// The instances that one runner keeps. Clones share them.
#[derive(Clone, Default)]
pub struct Warm(Arc<Mutex<HashMap<String, (Sameness, Kept)>>>);

impl Warm {
    /// Takes the instance of an installation out, if it is the same in everything. Any other of that installation ends.
    pub fn take(&self, wanted: &Sameness, linked: &Arc<dyn Guest>) -> Option<Kept> {
        let (same, kept) = self.all().remove(&wanted.installation)?;
        (same == *wanted && Arc::ptr_eq(&kept.linked, linked) && !kept.is_spent()).then_some(kept)
    }

    /// Keeps an instance for the next run, unless there are enough.
    pub fn keep(&self, same: Sameness, kept: Kept) {
        let mut all = self.all();
        all.retain(|_, (_, other)| !other.is_spent());
        let held: u64 = all.values().map(|(_, other)| other.memory_bytes()).sum();
        if !kept.is_spent()
            && all.len() < KEPT_MAX as usize
            && held.saturating_add(kept.memory_bytes()) <= MEMORY_BYTES_MAX
        {
            all.insert(same.installation.clone(), (same, kept));
        }
    }

    /// Ends the instances of an artifact.
    pub fn unload(&self, artifact: &str) {
        self.all().retain(|_, (same, _)| same.artifact != artifact);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, (Sameness, Kept)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
