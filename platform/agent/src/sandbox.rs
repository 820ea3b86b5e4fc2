//! The sandbox, started when something is to run, and tried again if it would not start.

use std::path::PathBuf;

use fitment_domain::bytes::Digest;
use fitment_runner_client::{Sandbox, SandboxConfig, SandboxError};
use tokio::sync::OnceCell;

/// A sandbox that is not started before it is needed.
pub struct LazySandbox {
    programs: PathBuf,
    cache: PathBuf,
    mac_key: [u8; 32],
    started: OnceCell<Sandbox>,
}

impl LazySandbox {
    /// Names the folder of runner and compiler, the folder for compiled code, and the key under which it is kept.
    pub fn new(programs: PathBuf, cache: PathBuf, mac_key: [u8; 32]) -> Self {
        Self { programs, cache, mac_key, started: OnceCell::new() }
    }

    /// Returns the sandbox, and starts it if need be.
    pub async fn get(&self) -> Result<&Sandbox, SandboxError> {
        let config = || SandboxConfig {
            programs_dir: self.programs.clone(),
            cache_dir: self.cache.clone(),
            mac_key: self.mac_key,
        };
        self.started.get_or_try_init(|| Sandbox::start(config())).await
    }

    /// Returns the sandbox if it was started.
    pub fn started(&self) -> Option<&Sandbox> {
        self.started.get()
    }

    /// Frees the compiled code of a component that runs no more.
    pub async fn forget(&self, digest: &Digest) {
        if let Some(sandbox) = self.started.get() {
            sandbox.forget(digest).await;
        }
    }
}
