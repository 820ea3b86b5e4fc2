//! From a component to an artifact that the runner holds: compiled at most once, also when many runs want it at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fitment_domain::bytes::Digest;
use fitment_domain::run::ArtifactKey;

use crate::cache::Cache;
use crate::compiler::{Compiler, CompilerError, Identity};
use crate::runner::{Process, RunnerError};
use crate::sandbox::ComponentRef;

/// How long a component that did not compile is not tried again: trying costs up to a minute of processor.
const FAILURE_KEPT: Duration = Duration::from_secs(600);
const FAILURES_MAX: usize = 1024;

/// Why a component cannot run here.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PrepareError {
    #[error("component {digest} does not compile: {reason}")]
    Compile { digest: String, reason: String },
    #[error("the runner does not load component {digest}: {reason}")]
    Load { digest: String, reason: String },
    #[error("the runner is away: {0}")]
    RunnerLost(String),
}

/// Compiles, keeps and loads.
pub(crate) struct Artifacts {
    compiler: Arc<Compiler>,
    cache: Arc<Cache>,
    identity: Identity,
    /// One lock per artifact: the second to want it waits for the first.
    busy: Mutex<HashMap<ArtifactKey, Arc<tokio::sync::Mutex<()>>>>,
    failures: Mutex<HashMap<ArtifactKey, (Instant, PrepareError)>>,
}

impl Artifacts {
    pub(crate) fn new(compiler: Arc<Compiler>, cache: Cache, identity: Identity) -> Self {
        Self { compiler, cache: Arc::new(cache), identity, busy: Mutex::default(), failures: Mutex::default() }
    }

    pub(crate) fn key(&self, digest: &Digest) -> ArtifactKey {
        Cache::artifact_key(digest, &self.identity)
    }

    /// Brings a component into a runner process.
    pub(crate) async fn prepare(
        &self,
        process: &Process,
        component: &ComponentRef,
    ) -> Result<ArtifactKey, PrepareError> {
        let key = self.key(&component.digest);
        if process.holds(&key) {
            return Ok(key);
        }
        let turn = Arc::clone(locked(&self.busy).entry(key.clone()).or_default());
        let _turn = turn.lock().await;
        let prepared = if process.holds(&key) { Ok(()) } else { self.load(process, &key, component).await };
        drop(_turn);
        // The last one out takes the lock with it: two strong counts are the map's and ours.
        let mut busy = locked(&self.busy);
        if Arc::strong_count(&turn) <= 2 {
            busy.remove(&key);
        }
        prepared.map(|()| key)
    }

    async fn load(&self, process: &Process, key: &str, component: &ComponentRef) -> Result<(), PrepareError> {
        if let Some(failure) = self.known_failure(key) {
            return Err(failure);
        }
        let code = match self.cached(key).await {
            Some(code) => code,
            None => self.compile(key, component).await?,
        };
        process.load(key, code).await.map_err(|error| match error {
            RunnerError::LoadFailed { reason } => PrepareError::Load { digest: component.digest.to_string(), reason },
            other => PrepareError::RunnerLost(other.to_string()),
        })
    }

    async fn cached(&self, key: &str) -> Option<Vec<u8>> {
        let (cache, key) = (Arc::clone(&self.cache), key.to_owned());
        tokio::task::spawn_blocking(move || cache.read(&key)).await.ok().flatten()
    }

    async fn compile(&self, key: &str, component: &ComponentRef) -> Result<Vec<u8>, PrepareError> {
        let code = self.compiler.compile(&component.bytes).await.map_err(|error| {
            let failure = PrepareError::Compile { digest: component.digest.to_string(), reason: error.to_string() };
            // What is the machine's fault (no program, no memory for a process) may be well in a moment.
            if !matches!(error, CompilerError::Spawn { .. } | CompilerError::Pipe(_)) {
                self.remember(key, failure.clone());
            }
            failure
        })?;
        let (cache, name, code) = (Arc::clone(&self.cache), key.to_owned(), Arc::new(code));
        let kept = Arc::clone(&code);
        let written = tokio::task::spawn_blocking(move || cache.write(&name, &kept)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "compiled code was not kept; it is compiled again next time");
        }
        Ok(Arc::try_unwrap(code).unwrap_or_else(|shared| shared.as_ref().clone()))
    }

    fn known_failure(&self, key: &str) -> Option<PrepareError> {
        let failures = locked(&self.failures);
        let (when, failure) = failures.get(key)?;
        (when.elapsed() < FAILURE_KEPT).then(|| failure.clone())
    }

    fn remember(&self, key: &str, failure: PrepareError) {
        let mut failures = locked(&self.failures);
        failures.retain(|_, (when, _)| when.elapsed() < FAILURE_KEPT);
        if failures.len() < FAILURES_MAX {
            failures.insert(key.to_owned(), (Instant::now(), failure));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
