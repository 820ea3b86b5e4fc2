//! The runner process: started, fed, restarted.

mod calls;
mod process;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

pub(crate) use process::Process;

/// The shortest time between two starts, so that a runner that dies at once does not take a processor with it.
const RESTART_WAIT: Duration = Duration::from_millis(500);

/// Which program is the runner.
#[derive(Debug, Clone)]
pub(crate) struct RunnerConfig {
    pub(crate) program: PathBuf,
    pub(crate) arguments: &'static [&'static str],
}

/// Why the runner did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunnerError {
    #[error("{program} cannot be started: {reason}")]
    Spawn { program: String, reason: String },
    #[error("the runner went away: {reason}")]
    Lost { reason: String },
    #[error("the compiled code does not load: {reason}")]
    LoadFailed { reason: String },
}

/// Keeps one runner process alive.
pub(crate) struct Runner {
    config: RunnerConfig,
    engine: String,
    lacks: Vec<String>,
    current: Mutex<Current>,
}

struct Current {
    process: Arc<Process>,
    started: Instant,
}

impl Runner {
    /// Starts the process and waits until it is ready.
    pub(crate) async fn start(config: RunnerConfig) -> Result<Self, RunnerError> {
        let process = Process::start(&config).await?;
        let (engine, lacks) = (process.engine().to_owned(), process.lacks().to_vec());
        let current = Mutex::new(Current { process, started: Instant::now() });
        Ok(Self { config, engine, lacks, current })
    }

    /// Returns which engine the first process held; a later one of another build is refused.
    pub(crate) fn engine(&self) -> &str {
        &self.engine
    }

    /// Returns what the kernel lacks of the process's confinement, in words.
    pub(crate) fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// Returns the living process, and starts one if the last has died.
    pub(crate) async fn process(&self) -> Result<Arc<Process>, RunnerError> {
        let mut current = self.current.lock().await;
        if current.process.lost().is_none() {
            return Ok(Arc::clone(&current.process));
        }
        tokio::time::sleep(RESTART_WAIT.saturating_sub(current.started.elapsed())).await;
        current.started = Instant::now();
        let process = Process::start(&self.config).await?;
        if process.engine() != self.engine {
            return Err(RunnerError::Lost {
                reason: "the program was replaced by another build: restart this one too".to_owned(),
            });
        }
        tracing::warn!("the runner was started again");
        current.process = Arc::clone(&process);
        Ok(process)
    }

    /// Ends the living process, and every run in it; whoever needs one next starts another.
    pub(crate) async fn end(&self, reason: &str) {
        self.current.lock().await.process.end(reason);
    }

    /// Frees an artifact in the living process.
    pub(crate) async fn unload(&self, artifact: &str) {
        self.current.lock().await.process.unload(artifact);
    }
}
