//! One life of the runner process.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use fitment_domain::budget::Usage;
use fitment_domain::run::{ArtifactKey, End, Fact, FromRunner, RunNumber, RunReport, RunRequest, ToRunner};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::calls::Runs;
use super::{RunnerConfig, RunnerError, wire};
use crate::host::HostCalls;
use crate::program::{command, ending};

/// As many as the runner's pool holds: what waits, waits here, so that no run's wall time passes in a queue.
const RUNS_MAX: usize = 64;
const READY_WAIT_MAX: Duration = Duration::from_secs(20);
const LOAD_WAIT_MAX: Duration = Duration::from_secs(30);
/// The runner ends a run at its wall time; a runner that does not is stuck, and ended itself.
const OVERSHOOT_MAX: Duration = Duration::from_secs(2);
const STDERR_LINE_BYTES_MAX: u64 = 8 * 1024;

/// What runs may know of their device, ordered by name.
type Facts = [(String, Fact)];
type Loading = HashMap<ArtifactKey, oneshot::Sender<Result<(), String>>>;

/// A running runner.
pub(crate) struct Process {
    engine: String,
    lacks: Vec<String>,
    frames: mpsc::UnboundedSender<ToRunner>,
    shared: Arc<Shared>,
    places: Semaphore,
    next_run: AtomicU64,
    /// The facts that were sent last; held while a run is sent, so that it follows its own.
    told: Mutex<Option<Arc<Facts>>>,
    /// Dropping it ends the process.
    _life: oneshot::Sender<()>,
}

/// What the tasks around the process share with it.
#[derive(Default)]
struct Shared {
    runs: Runs,
    loaded: Mutex<HashSet<ArtifactKey>>,
    loading: Mutex<Loading>,
    lost: OnceLock<String>,
    kill: tokio::sync::Notify,
}

impl Process {
    /// Starts the program and waits for its first frame.
    pub(super) async fn start(config: &RunnerConfig) -> Result<Arc<Self>, RunnerError> {
        let spawn = |reason: String| RunnerError::Spawn { program: config.program.display().to_string(), reason };
        let mut child = command(&config.program).args(config.arguments).spawn().map_err(|e| spawn(e.to_string()))?;
        let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(spawn("it has no pipes".to_owned()));
        };
        tokio::spawn(relay(errors));
        let mut output = BufReader::with_capacity(64 * 1024, output);
        let ready = tokio::time::timeout(READY_WAIT_MAX, wire::read(&mut output, &mut Vec::new())).await;
        let (engine, lacks) = match ready {
            Ok(Ok(FromRunner::Ready { engine, lacks })) => (engine, lacks),
            Ok(Ok(_)) => return Err(spawn("its first frame was not `Ready`".to_owned())),
            Ok(Err(reason)) => return Err(spawn(reason)),
            Err(_elapsed) => return Err(spawn(format!("it was not ready within {} s", READY_WAIT_MAX.as_secs()))),
        };
        if !lacks.is_empty() {
            tracing::warn!(lacks = lacks.join("; "), "the runner is confined less than it should be");
        }
        let (frames, outgoing) = mpsc::unbounded_channel();
        let (life, ended) = oneshot::channel();
        let shared = Arc::new(Shared::default());
        let reading = read(Arc::clone(&shared), frames.downgrade(), output);
        tokio::spawn(watch(Arc::clone(&shared), child, ended, reading, wire::write_all(outgoing, input)));
        let process = Self {
            engine,
            lacks,
            frames,
            shared,
            places: Semaphore::new(RUNS_MAX),
            next_run: AtomicU64::new(1),
            told: Mutex::default(),
            _life: life,
        };
        Ok(Arc::new(process))
    }

    pub(super) fn engine(&self) -> &str {
        &self.engine
    }

    pub(super) fn lacks(&self) -> &[String] {
        &self.lacks
    }

    /// Returns why the process is gone, if it is.
    pub(super) fn lost(&self) -> Option<&str> {
        self.shared.lost.get().map(String::as_str)
    }

    pub(crate) fn next_run(&self) -> RunNumber {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns whether the process has loaded an artifact.
    pub(crate) fn holds(&self, artifact: &str) -> bool {
        self.lost().is_none() && locked(&self.shared.loaded).contains(artifact)
    }

    /// Loads compiled code. The caller authenticated these very bytes: nothing is opened a second time in between.
    pub(crate) async fn load(&self, artifact: &str, compiled: Vec<u8>) -> Result<(), RunnerError> {
        let (answer, answered) = oneshot::channel();
        locked(&self.shared.loading).insert(artifact.to_owned(), answer);
        self.send(ToRunner::Load { artifact: artifact.to_owned(), compiled })?;
        match tokio::time::timeout(LOAD_WAIT_MAX, answered).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(reason))) => Err(RunnerError::LoadFailed { reason }),
            Ok(Err(_)) => Err(self.gone()),
            Err(_elapsed) => {
                self.shared.end("it did not load compiled code in time");
                Err(self.gone())
            }
        }
    }

    /// Ends the process now, and every run in it.
    pub(super) fn end(&self, reason: &str) {
        self.shared.end(reason);
    }

    /// Frees an artifact; runs that use it finish.
    pub(super) fn unload(&self, artifact: &str) {
        if locked(&self.shared.loaded).remove(artifact) {
            let _ = self.send(ToRunner::Unload { artifact: artifact.to_owned() });
        }
    }

    /// Runs once and waits for the report.
    pub(crate) async fn run(&self, request: RunRequest, facts: &Arc<Facts>, host: Arc<dyn HostCalls>) -> RunReport {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let number = request.run;
        let wait_max = Duration::from_millis(request.budget.wall_ms_max).saturating_add(OVERSHOOT_MAX);
        let reported = self.shared.runs.begin(&request, host);
        let _forget = Forget { runs: &self.shared.runs, run: number };
        if self.send_run(request, facts).is_err() {
            return self.lost_run(number);
        }
        match tokio::time::timeout(wait_max, reported).await {
            Ok(Ok(report)) => report,
            Ok(Err(_)) => self.lost_run(number),
            Err(_elapsed) => {
                self.shared.end("a run went on beyond its wall time, and the runner was ended");
                self.lost_run(number)
            }
        }
    }

    /// Sends a run, and before it what it may know of the device, unless the run before it was told the same.
    fn send_run(&self, request: RunRequest, facts: &Arc<Facts>) -> Result<(), RunnerError> {
        let mut told = locked(&self.told);
        if !told.as_ref().is_some_and(|told| Arc::ptr_eq(told, facts) || told == facts) {
            self.send(ToRunner::Facts(facts.to_vec()))?;
            *told = Some(Arc::clone(facts));
        }
        self.send(ToRunner::Run(vec![request]))
    }

    fn send(&self, frame: ToRunner) -> Result<(), RunnerError> {
        if self.lost().is_some() {
            return Err(self.gone());
        }
        self.frames.send(frame).map_err(|_| self.gone())
    }

    fn gone(&self) -> RunnerError {
        RunnerError::Lost { reason: self.lost().unwrap_or("it is ending").to_owned() }
    }

    fn lost_run(&self, run: RunNumber) -> RunReport {
        let reason = self.lost().unwrap_or("the runner is ending").to_owned();
        RunReport { run, end: End::RunnerLost(reason), usage: Usage::default(), log: Vec::new(), state: None }
    }
}

/// Takes a run out of the book when nobody waits for it any more.
struct Forget<'a> {
    runs: &'a Runs,
    run: RunNumber,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.runs.forget(self.run);
    }
}

impl Shared {
    /// Notes why the process ends, drops everything that waits for it, and has it killed. The first reason counts.
    fn end(&self, reason: &str) {
        let _ = self.lost.set(reason.to_owned());
        self.runs.drop_all();
        locked(&self.loading).clear();
        self.kill.notify_one();
    }
}

/// Stays with the process until it is gone, whoever ends it.
async fn watch(
    shared: Arc<Shared>,
    mut child: Child,
    life: oneshot::Receiver<()>,
    reading: impl Future<Output = String>,
    writing: impl Future<Output = Result<(), String>>,
) {
    let reason = tokio::select! {
        // What the process wrote before it ended is read first.
        biased;
        reason = reading => reason,
        written = writing => written.err().unwrap_or_else(|| "nobody needs it any more".to_owned()),
        _ = life => "nobody needs it any more".to_owned(),
        () = shared.kill.notified() => {
            // It is given no moment more.
            let _ = child.start_kill();
            "it was ended".to_owned()
        }
    };
    // A process that ended by itself is given the moment in which the kernel says how.
    let status = match tokio::time::timeout(Duration::from_millis(200), child.wait()).await {
        Ok(Ok(status)) => Some(status),
        _ => None,
    };
    if status.is_none() {
        let _ = child.kill().await;
    }
    let reason = status.map_or_else(|| reason.clone(), |status| format!("{} ({reason})", ending(status)));
    shared.end(&reason);
}

/// Reads frames until there are no more, and returns why.
async fn read(
    shared: Arc<Shared>,
    replies: mpsc::WeakUnboundedSender<ToRunner>,
    mut output: BufReader<ChildStdout>,
) -> String {
    let mut buffer = Vec::new();
    loop {
        let frame = match wire::read(&mut output, &mut buffer).await {
            Ok(frame) => frame,
            Err(reason) => return reason,
        };
        let Some(replies) = replies.upgrade() else { return "nobody needs it any more".to_owned() };
        match frame {
            FromRunner::Told { run, told } => shared.runs.told(run, told),
            FromRunner::Done(reports) => reports.into_iter().for_each(|report| shared.runs.end(report)),
            FromRunner::Call { run, call, request } => shared.runs.answer(run, call, request, &replies),
            FromRunner::Loaded { artifact } => {
                // What nobody asked for is not noted: the one who says so may be broken.
                if locked(&shared.loading).contains_key(&artifact) {
                    locked(&shared.loaded).insert(artifact.clone());
                }
                loaded(&shared, &artifact, Ok(()));
            }
            FromRunner::LoadFailed { artifact, reason } => loaded(&shared, &artifact, Err(reason)),
            FromRunner::Ready { .. } => return "it said `Ready` twice".to_owned(),
        }
    }
}

fn loaded(shared: &Shared, artifact: &str, result: Result<(), String>) {
    let waiting = locked(&shared.loading).remove(artifact);
    if let Some(waiting) = waiting {
        let _ = waiting.send(result);
    }
}

/// Puts what the runner says on standard error into our log, line by line.
async fn relay(errors: ChildStderr) {
    let mut errors = BufReader::new(errors);
    loop {
        let mut line = Vec::new();
        match (&mut errors).take(STDERR_LINE_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => tracing::warn!(line = %String::from_utf8_lossy(&line).trim_end(), "the runner says"),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
