//! The facade: inspect, prepare, run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use fitment_domain::artifact::{Build, Target};
use fitment_domain::budget::{Budget, Usage};
use fitment_domain::bytes::Digest;
use fitment_domain::capability::{Grants, Permission};
use fitment_domain::run::{ArtifactKey, End, Fact, Invocation, RunReport, RunRequest, State};
use fitment_domain::simulation::Simulation;
use fitment_domain::time::UnixMs;
use fitment_domain::validation::Inspection;

use crate::adopted::Compared;
use crate::artifacts::{Artifacts, PrepareError};
use crate::cache::{Cache, CacheError};
use crate::compiler::{Compiler, CompilerError};
use crate::host::HostCalls;
use crate::runner::{Runner, RunnerConfig, RunnerError};

/// JSON that one run is started with, configuration and parameters together.
const INPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How a loss of the runner is told that this sandbox ended because code of others does not count any more.
pub const WITHDRAWN: &str = "code of others does not count any more: the runner that ran it was ended";

/// Where the sandbox finds its programs and keeps compiled code.
#[derive(Clone)]
pub struct SandboxConfig {
    /// The folder of `fitment-runner` and `fitment-compiler`.
    pub programs_dir: PathBuf,
    /// Made with mode 0700 if it is missing.
    pub cache_dir: PathBuf,
    /// Authenticates cached code; known to this host's account only. Another key means that everything is compiled again.
    pub mac_key: [u8; 32],
}

/// Why the sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(
        "fitment-runner and fitment-compiler are not of one build: the runner holds {runner:?}, the compiler {compiler:?}"
    )]
    EngineMismatch { runner: String, compiler: String },
}

/// A component: its bytes, and their digest, which the caller has checked.
#[derive(Debug, Clone)]
pub struct ComponentRef {
    pub digest: Digest,
    pub bytes: Arc<[u8]>,
}

/// Everything that one run is started with besides the component.
#[derive(Debug, Clone)]
pub struct RunSpec {
    pub invocation: Invocation,
    /// JSON, already validated against the accessory's schema.
    pub config: String,
    /// JSON, "{}" for scheduled runs.
    pub parameters: String,
    pub grants: Grants,
    /// Permissions without which the accessory does.
    pub optional: BTreeSet<Permission>,
    pub budget: Budget,
    /// Ordered by name.
    pub facts: Arc<[(String, Fact)]>,
    /// The corrected time at which the run starts.
    pub now: UnixMs,
    /// What earlier runs of this installation left on this device.
    pub state: State,
    /// The installation whose instance is kept for its next run, where an MSP chose that; nothing means a fresh one.
    pub warm: Option<String>,
}

/// Inspects, compiles and runs components in processes of their own. Cheap to clone; the last clone ends them.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    compiler: Arc<Compiler>,
    artifacts: Artifacts,
    runner: Runner,
    build: Build,
}

impl Sandbox {
    /// Starts the runner and checks that both programs are of one build.
    pub async fn start(config: SandboxConfig) -> Result<Self, SandboxError> {
        Self::start_with(config, &[]).await
    }

    /// Starts a runner that reads nothing of this machine: for what runs on a server.
    pub async fn start_without_device(config: SandboxConfig) -> Result<Self, SandboxError> {
        Self::start_with(config, &["--no-device"]).await
    }

    /// Starts a runner that takes its readings from fixtures and reads nothing of this machine: for [`Sandbox::simulate`].
    pub async fn start_simulating(config: SandboxConfig) -> Result<Self, SandboxError> {
        Self::start_with(config, &["--simulate"]).await
    }

    async fn start_with(config: SandboxConfig, arguments: &'static [&'static str]) -> Result<Self, SandboxError> {
        let cache = Cache::open(config.cache_dir, config.mac_key)?;
        let compiler = Arc::new(Compiler::new(config.programs_dir.join("fitment-compiler")));
        let program = config.programs_dir.join("fitment-runner");
        let (identity, runner) = tokio::join!(compiler.identity(), Runner::start(RunnerConfig { program, arguments }));
        let (identity, runner) = (identity?, runner?);
        if runner.engine() != identity.engine {
            let runner = runner.engine().to_owned();
            return Err(SandboxError::EngineMismatch { runner, compiler: identity.engine });
        }
        let build = identity.build.clone();
        let artifacts = Artifacts::new(Arc::clone(&compiler), cache, identity);
        Ok(Self(Arc::new(Inner { compiler, artifacts, runner, build })))
    }

    /// Returns what this machine's kernel lacks of the runner's confinement, in words; nothing where it is whole.
    pub fn lacks(&self) -> &[String] {
        self.0.runner.lacks()
    }

    /// Inspects a component without running or compiling it. Never fails: a crash is a problem in the answer.
    pub async fn inspect(&self, component: Arc<[u8]>) -> Inspection {
        self.0.compiler.inspect(&component).await
    }

    /// Compiles a component, or takes it from the cache, and loads it; `run` does so too.
    pub async fn prepare(&self, component: &ComponentRef) -> Result<ArtifactKey, PrepareError> {
        let process = self.0.runner.process().await.map_err(|e| PrepareError::RunnerLost(e.to_string()))?;
        self.0.artifacts.prepare(&process, component).await
    }

    /// Returns which compiler this sandbox has.
    pub fn build(&self) -> &Build {
        &self.0.build
    }

    /// Compiles a component for every machine of a target. Nothing is kept or loaded.
    pub async fn compile_for(&self, component: &[u8], target: Target) -> Result<Vec<u8>, CompilerError> {
        self.0.compiler.compile_for(component, target).await
    }

    /// Returns code that others compiled of a component, if it was adopted before.
    pub async fn adopted(&self, component: &Digest, artifact: &Digest) -> Option<Vec<u8>> {
        self.0.artifacts.kept(component, artifact).await
    }

    /// Loads code that others compiled, and runs the component by it from now on. Loading it is running it: the caller has verified
    /// whose it is. Other code of others that was in use for the component is dropped before.
    pub async fn adopt(&self, component: &ComponentRef, artifact: &Digest, code: Vec<u8>) -> Result<(), PrepareError> {
        if self.0.artifacts.adopted(&component.digest).is_some_and(|before| before != *artifact) {
            self.compile_here(&component.digest).await;
        }
        let process = self.0.runner.process().await.map_err(|e| PrepareError::RunnerLost(e.to_string()))?;
        self.0.artifacts.adopt(&process, component, artifact, code).await
    }

    /// Runs a component by what this host compiles itself, from its next run on. If code of others was in use, the runner is ended:
    /// that code ran in it as native code, and nobody knows what it left there. Runs under way are lost with it, as [`WITHDRAWN`].
    pub async fn compile_here(&self, component: &Digest) {
        if self.0.artifacts.own(component) {
            self.0.runner.end(WITHDRAWN).await;
        }
    }

    /// Notes what compiling a component here too came to.
    pub async fn note(&self, component: &Digest, artifact: &Digest, compared: &Compared) {
        self.0.artifacts.note(component, artifact, compared).await;
    }

    /// Returns what compiling it here too came to earlier.
    pub async fn noted(&self, component: &Digest, artifact: &Digest) -> Option<Compared> {
        self.0.artifacts.noted(component, artifact).await
    }

    /// Runs a component once, in a fresh instance. Never fails: whatever happens is the report's end.
    pub async fn run(&self, component: &ComponentRef, spec: RunSpec, host: Arc<dyn HostCalls>) -> RunReport {
        self.run_on(component, spec, None, host).await
    }

    /// Runs a component once on a device that does not exist. A sandbox that was started for real devices refuses.
    pub async fn simulate(
        &self,
        component: &ComponentRef,
        spec: RunSpec,
        simulation: Simulation,
        host: Arc<dyn HostCalls>,
    ) -> RunReport {
        self.run_on(component, spec, Some(simulation), host).await
    }

    async fn run_on(
        &self,
        component: &ComponentRef,
        spec: RunSpec,
        simulated: Option<Simulation>,
        host: Arc<dyn HostCalls>,
    ) -> RunReport {
        if spec.config.len().saturating_add(spec.parameters.len()) > INPUT_BYTES_MAX {
            return unstarted(End::Refused(format!(
                "configuration and parameters are larger than {INPUT_BYTES_MAX} bytes"
            )));
        }
        let process = match self.0.runner.process().await {
            Ok(process) => process,
            Err(error) => return unstarted(End::RunnerLost(error.to_string())),
        };
        let artifact = match self.0.artifacts.prepare(&process, component).await {
            Ok(artifact) => artifact,
            Err(PrepareError::RunnerLost(reason)) => return unstarted(End::RunnerLost(reason)),
            Err(refusal) => return unstarted(End::Refused(refusal.to_string())),
        };
        let request = RunRequest {
            run: process.next_run(),
            artifact,
            invocation: spec.invocation,
            config: spec.config,
            parameters: spec.parameters,
            grants: spec.grants,
            optional: spec.optional,
            budget: spec.budget,
            now: spec.now,
            state: spec.state,
            simulated,
            warm: spec.warm,
        };
        process.run(request, &spec.facts, host).await
    }

    /// Frees what the runner holds of a component; the cache on disk stays.
    pub async fn forget(&self, digest: &Digest) {
        self.0.runner.unload(&self.0.artifacts.key(digest)).await;
    }
}

fn unstarted(end: End) -> RunReport {
    RunReport { run: 0, end, usage: Usage::default(), log: Vec::new(), state: None }
}
