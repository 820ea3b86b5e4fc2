//! A sandbox of its own for each test, and words for its runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::budget::Budget;
use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::run::{End, Fact, Invocation, Returned, RunReport, State};
use fitment_domain::ticket::remote::Call;
use fitment_domain::time::UnixMs;
use fitment_runner_client::{ComponentRef, HostCalls, NoHostCalls, RunSpec, Sandbox, SandboxConfig};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::support::programs::program;

/// How long anything may take on a busy machine before the test gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A started sandbox. Dropping it ends its runner.
pub(super) struct Lab {
    pub(super) sandbox: Sandbox,
    folder: Arc<TempDir>,
}

impl Lab {
    /// Starts a sandbox with an empty cache.
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Links of our own: the command line of a runner tells whose it is.
        for name in ["fitment-runner", "fitment-compiler"] {
            std::os::unix::fs::symlink(program(name), folder.path().join(name)).unwrap();
        }
        Self::start(Arc::new(folder), [7; 32]).await
    }

    /// Starts a sandbox that simulates devices.
    pub(super) async fn simulating() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let programs = Path::new(&program("fitment-runner")).parent().unwrap().to_owned();
        let config = SandboxConfig { programs_dir: programs, cache_dir: folder.path().join("cache"), mac_key: [7; 32] };
        Self { sandbox: Sandbox::start_simulating(config).await.unwrap(), folder }
    }

    /// Ends the sandbox and starts another over the same cache.
    pub(super) async fn again(self, mac_key: [u8; 32]) -> Self {
        let folder = Arc::clone(&self.folder);
        drop(self);
        Self::start(folder, mac_key).await
    }

    async fn start(folder: Arc<TempDir>, mac_key: [u8; 32]) -> Self {
        let config =
            SandboxConfig { programs_dir: folder.path().to_owned(), cache_dir: folder.path().join("cache"), mac_key };
        Self { sandbox: Sandbox::start(config).await.unwrap(), folder }
    }

    /// Takes the compiler away from this sandbox, which runs.
    pub(super) fn lose_the_compiler(&self) {
        std::fs::remove_file(self.folder.path().join("fitment-compiler")).unwrap();
    }

    /// Gives it back, for the next start.
    pub(super) fn with_the_compiler(self) -> Self {
        let path = self.folder.path().join("fitment-compiler");
        std::os::unix::fs::symlink(program("fitment-compiler"), path).unwrap();
        self
    }

    /// Runs a monitor that needs nothing from outside.
    pub(super) async fn run(&self, guest: &ComponentRef, spec: RunSpec) -> RunReport {
        self.run_with(guest, spec, Arc::new(NoHostCalls)).await
    }

    /// Runs with somebody who answers host calls.
    pub(super) async fn run_with(&self, guest: &ComponentRef, spec: RunSpec, host: Arc<dyn HostCalls>) -> RunReport {
        let run = tokio::time::timeout(PATIENCE, self.sandbox.run(guest, spec, host));
        run.await.expect("the run came to no end")
    }

    /// Starts a run and returns once the runner has it; it is under way for as long as its budget lets it.
    pub(super) async fn under_way(&self, guest: &ComponentRef, spec: RunSpec) -> JoinHandle<RunReport> {
        self.sandbox.prepare(guest).await.unwrap();
        let (sandbox, guest) = (self.sandbox.clone(), guest.clone());
        let run = tokio::spawn(async move { sandbox.run(&guest, spec, Arc::new(NoHostCalls)).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!run.is_finished(), "it ended at once: {:?}", run.await);
        run
    }

    /// Returns the process id of this sandbox's runner.
    pub(super) fn runner(&self) -> u32 {
        let program = self.folder.path().join("fitment-runner");
        let is_ours = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).next() == Some(program.as_os_str().as_encoded_bytes())
        };
        let all =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        let ours: Vec<u32> = all.filter(is_ours).collect();
        assert_eq!(ours.len(), 1, "runners of this sandbox: {ours:?}");
        ours[0]
    }

    /// Returns the one file of compiled code.
    pub(super) fn compiled(&self) -> PathBuf {
        let files = compiled_files(self.folder.path());
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }
}

fn compiled_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("cache")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "compiled")).collect()
}

/// A scheduled run of a monitor with nothing granted, within the usual budget.
pub(super) fn check() -> RunSpec {
    RunSpec {
        invocation: Invocation::Check,
        config: "{}".to_owned(),
        parameters: "{}".to_owned(),
        grants: Grants::default(),
        optional: BTreeSet::new(),
        budget: Budget::default_for_accessories(),
        facts: Arc::new([("hostname".to_owned(), Fact::Text("device".to_owned()))]),
        now: UnixMs(1_700_000_000_000),
        state: State::new(),
        warm: None,
    }
}

/// The same within another budget.
pub(super) fn check_within(change: impl FnOnce(&mut Budget)) -> RunSpec {
    let mut spec = check();
    change(&mut spec.budget);
    spec
}

/// One `describe` of the guest `asks`: it asks this address, with this secret if the name is not empty.
pub(super) fn describe(url: &str, secret: &str, grants: Grants) -> RunSpec {
    let invocation = Invocation::Connector(Call::Describe);
    RunSpec { invocation, config: url.to_owned(), parameters: secret.to_owned(), grants, ..check() }
}

/// Returns the permission `http` for these origins and secrets.
pub(super) fn http(origins: &[&str], secrets: &[&str]) -> Grants {
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Grants([(Permission::Http, Scope { origins: set(origins), secrets: set(secrets), ..Scope::default() })].into())
}

/// Returns the end of a run that reached a bound.
pub(super) fn exhausted(bound: &str) -> End {
    End::Exhausted(bound.to_owned())
}

/// Asserts that a run returned findings, and how many.
pub(super) fn assert_returned(report: &RunReport, findings: usize) {
    match &report.end {
        End::Returned(Returned::Findings(found)) => assert_eq!(found.len(), findings),
        other => panic!("no findings: {other:?}, {:?}", report.usage),
    }
}

/// Returns the number that a guest told as its only sample.
pub(super) fn told(report: &RunReport) -> f64 {
    match &report.end {
        End::Returned(Returned::Findings(found)) => found[0].samples[0].value,
        other => panic!("it told nothing: {other:?}, {:?}", report.usage),
    }
}
