//! From a component to an artifact that the runner holds: compiled at most once, also when many runs want it at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fitment_domain::bytes::Digest;
use fitment_domain::run::ArtifactKey;

use crate::cache::Cache;
use crate::compiler::{Compiler, Identity};
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

/// Where code comes from that is to be loaded.
pub(crate) enum Source {
    /// From the cache, or from this host's compiler.
    Own,
    /// From the cache alone.
    Kept,
    Given(Vec<u8>),
}

/// Compiles, keeps and loads.
pub(crate) struct Artifacts {
    compiler: Arc<Compiler>,
    cache: Arc<Cache>,
    identity: Identity,
    /// One lock per artifact: the second to want it waits for the first.
    busy: Mutex<HashMap<ArtifactKey, Arc<tokio::sync::Mutex<()>>>>,
    failures: Mutex<HashMap<ArtifactKey, (Instant, PrepareError)>>,
    /// Of which components the code of others is taken, and which.
    adopted: Mutex<HashMap<Digest, Digest>>,
}

impl Artifacts {
    pub(crate) fn new(compiler: Arc<Compiler>, cache: Cache, identity: Identity) -> Self {
        let cache = Arc::new(cache);
        Self {
            compiler,
            cache,
            identity,
            busy: Mutex::default(),
            failures: Mutex::default(),
            adopted: Mutex::default(),
        }
    }

    /// Names the code of a component that counts here now.
    pub(crate) fn key(&self, component: &Digest) -> ArtifactKey {
        self.key_of(component, locked(&self.adopted).get(component))
    }

    /// Returns which code of others is taken for a component.
    pub(crate) fn adopted(&self, component: &Digest) -> Option<Digest> {
        locked(&self.adopted).get(component).cloned()
    }

    /// Names the code that this host compiled, or that it took from others.
    pub(crate) fn key_of(&self, component: &Digest, adopted: Option<&Digest>) -> ArtifactKey {
        Cache::artifact_key(component, &self.identity, adopted)
    }

    /// Brings a component into a runner process.
    pub(crate) async fn prepare(
        &self,
        process: &Process,
        component: &ComponentRef,
    ) -> Result<ArtifactKey, PrepareError> {
        let adopted = self.adopted(&component.digest);
        if let Some(artifact) = adopted {
            let key = self.key_of(&component.digest, Some(&artifact));
            match self.prepare_as(process, &key, component, Source::Kept).await {
                Err(error @ PrepareError::Load { .. }) => {
                    // This host can compile for itself: code of others that is gone or does not load keeps nothing from running.
                    tracing::warn!(%error, "compiled code of others is not used any more");
                    self.own(&component.digest);
                }
                prepared => return prepared.map(|()| key),
            }
        }
        let key = self.key_of(&component.digest, None);
        self.prepare_as(process, &key, component, Source::Own).await.map(|()| key)
    }

    /// Takes code of others for a component from now on, or none any more. Returns what was taken before.
    pub(crate) fn take(&self, component: &Digest, artifact: Option<&Digest>) -> Option<Digest> {
        let mut adopted = locked(&self.adopted);
        match artifact {
            Some(artifact) => adopted.insert(component.clone(), artifact.clone()),
            None => adopted.remove(component),
        }
    }

    /// Brings code under a name into a runner process.
    pub(crate) async fn prepare_as(
        &self,
        process: &Process,
        key: &ArtifactKey,
        component: &ComponentRef,
        source: Source,
    ) -> Result<(), PrepareError> {
        if process.holds(key) {
            return Ok(());
        }
        let turn = Arc::clone(locked(&self.busy).entry(key.clone()).or_default());
        let _turn = turn.lock().await;
        let prepared = if process.holds(key) { Ok(()) } else { self.load(process, key, component, source).await };
        drop(_turn);
        // The last one out takes the lock with it: two strong counts are the map's and ours.
        let mut busy = locked(&self.busy);
        if Arc::strong_count(&turn) <= 2 {
            busy.remove(key);
        }
        prepared
    }

    async fn load(
        &self,
        process: &Process,
        key: &str,
        component: &ComponentRef,
        source: Source,
    ) -> Result<(), PrepareError> {
        let failed = |reason: String| PrepareError::Load { digest: component.digest.to_string(), reason };
        let code = match source {
            Source::Given(code) => code,
            Source::Kept => self.cached(key).await.ok_or_else(|| failed("it is not kept any more".to_owned()))?,
            Source::Own => self.own_code(key, component).await?,
        };
        process.load(key, code).await.map_err(|error| match error {
            RunnerError::LoadFailed { reason } => failed(reason),
            other => PrepareError::RunnerLost(other.to_string()),
        })
    }

    async fn own_code(&self, key: &str, component: &ComponentRef) -> Result<Vec<u8>, PrepareError> {
        if let Some(failure) = self.known_failure(key) {
            return Err(failure);
        }
        match self.cached(key).await {
            Some(code) => Ok(code),
            None => self.compile(key, component).await,
        }
    }

    pub(crate) async fn cached(&self, key: &str) -> Option<Vec<u8>> {
        let (cache, key) = (Arc::clone(&self.cache), key.to_owned());
        tokio::task::spawn_blocking(move || cache.read(&key)).await.ok().flatten()
    }

    async fn compile(&self, key: &str, component: &ComponentRef) -> Result<Vec<u8>, PrepareError> {
        let code = self.compiler.compile(&component.bytes).await.map_err(|error| {
            let failure = PrepareError::Compile { digest: component.digest.to_string(), reason: error.to_string() };
            if error.is_about_the_component() {
                self.remember(key, failure.clone());
            }
            failure
        })?;
        let code = Arc::new(code);
        self.keep(key, Arc::clone(&code)).await;
        Ok(Arc::try_unwrap(code).unwrap_or_else(|shared| shared.as_ref().clone()))
    }

    pub(crate) async fn keep(&self, name: &str, code: Arc<Vec<u8>>) {
        let (cache, name) = (Arc::clone(&self.cache), name.to_owned());
        let written = tokio::task::spawn_blocking(move || cache.write(&name, &code)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "compiled code was not kept; it is compiled or fetched again next time");
        }
    }

    pub(crate) fn is_kept(&self, name: &str) -> bool {
        self.cache.has(name)
    }

    pub(crate) fn discard(&self, name: &str) {
        self.cache.discard(name);
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
