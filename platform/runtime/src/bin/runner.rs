//! `fitment-runner`: runs compiled accessories for a supervisor that speaks frames over this process's standard streams.
//!
//! It holds no key, no secret and no compiler, opens no connection, and ends when its standard input closes.
//! Before it reads its first frame it gives up what it does not need (`confine`), and says in `Ready` what the kernel did not let it
//! give up. Started with `--simulate` it takes every reading from the run's fixture, and may read nothing of the device, and with
//! `--no-device`, for a server, there are no readings at all;
//! `--probe-confinement` takes no frames at all, and says what a confined runner can still do, with `--without-landlock` behind it as
//! on a kernel that has none.

use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fitment_device::descriptors;
use fitment_domain::budget::Budget;
use fitment_domain::run::{Fact, FromRunner, RunRequest, ToRunner};
use fitment_runtime::confine::{self, Bounds, Needs};
use fitment_runtime::engine::{CONCURRENT_RUNS_MAX, Placement, Ticker, engine_identity, running_engine};
use fitment_runtime::lanes::{Lanes, Long};
use fitment_runtime::prepare::Library;
use fitment_runtime::supervisor::Supervisor;
use fitment_runtime::warm::Warm;
use fitment_runtime::{frames, run};
use tokio::io::BufReader;
use tokio::net::unix::pipe;
use tokio::sync::Semaphore;

/// Readings that may wait at a time; the next one waits for its turn, under the time of its run.
const READERS_MAX: usize = 4;
/// What 512 loaded components keep open of their memories, and a little.
const OPEN_FILES_MAX: u64 = 1_088;
/// What compiled code and our own bookkeeping may take on top of the pool, in bytes of address space.
const MORE_ADDRESS_SPACE_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Where this process takes readings from, for all of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Device,
    Fixture,
    /// Nowhere: what runs on a server sees nothing of it.
    Nowhere,
}

impl Source {
    /// Returns what is still needed once the engine is made.
    fn needs(self) -> Needs {
        match self {
            Source::Device => Needs::Device,
            Source::Fixture | Source::Nowhere => Needs::Threads,
        }
    }

    /// Refuses a fixture where devices are read, and a run without one where nothing else may be read.
    fn accepts(self, request: &RunRequest) -> Result<(), String> {
        match (self, &request.simulated) {
            (Source::Device | Source::Nowhere, None) | (Source::Fixture, Some(_)) => Ok(()),
            (Source::Device | Source::Nowhere, Some(_)) => Err("this runner takes no simulated readings".to_owned()),
            (Source::Fixture, None) => Err("this runner simulates a device: the run brought no fixture".to_owned()),
        }
    }
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fitment-runner: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    descriptors::close_inherited();
    let inherited = descriptors::beyond_streams();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (source, probe) = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => (Source::Device, None),
        ["--simulate"] => (Source::Fixture, None),
        ["--no-device"] => (Source::Nowhere, None),
        ["--probe-confinement", ..] => (Source::Device, Some(&arguments[1..])),
        ["--simulate", "--probe-confinement", ..] => (Source::Fixture, Some(&arguments[2..])),
        ["--no-device", "--probe-confinement", ..] => (Source::Nowhere, Some(&arguments[2..])),
        _ => {
            anyhow::bail!("usage: fitment-runner [--simulate | --no-device], with a supervisor on the standard streams")
        }
    };
    let (engine, placement) = running_engine().map_err(|e| anyhow::anyhow!("making the engine: {e:#}"))?;
    if placement == Placement::OnDemand {
        eprintln!("there is too little address space for the instance pool: runs start more slowly");
    }
    // Its descriptors are made while they may be; its threads come when a reading wants one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        // Readings that may wait for a disk or for systemd; idle threads go soon, for they are memory.
        .max_blocking_threads(READERS_MAX)
        .thread_keep_alive(Duration::from_secs(5))
        // The pipe is looked at between every few polls, so that guests that compute do not keep others from starting.
        .event_interval(8)
        .build()?;
    let (needs, bounds) = (source.needs(), bounds(placement));
    if let Some(asked) = probe {
        let lacks = match asked {
            [first, ..] if first == "--without-landlock" => confine::confine_without_landlock(needs, bounds),
            _ => confine::confine(needs, bounds),
        };
        let paths: Vec<String> = asked.iter().filter(|path| !path.starts_with("--")).cloned().collect();
        return tell(&lacks.context("giving up privileges")?, &confine::probe::lines(&paths, &inherited));
    }
    let pipes = Pipes::of_this_process(&runtime)?;
    let lacks = confine::confine(needs, bounds).context("giving up privileges")?;
    runtime.block_on(serve(source, engine, pipes, lacks))
}

/// The pool takes most of the address space that there is; where there was too little for it, little is left to bound.
fn bounds(placement: Placement) -> Bounds {
    Bounds {
        open_files_max: OPEN_FILES_MAX,
        file_bytes_max: Budget::ceiling().memory_bytes_max,
        more_address_space_bytes_max: (placement == Placement::Pooled).then_some(MORE_ADDRESS_SPACE_BYTES_MAX),
    }
}

fn tell(lacks: &[String], lines: &[String]) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    for lack in lacks {
        writeln!(output, "lacks {lack}")?;
    }
    for line in lines {
        writeln!(output, "{line}")?;
    }
    Ok(())
}

/// The way to the supervisor and back.
struct Pipes {
    input: pipe::Receiver,
    output: pipe::Sender,
}

impl Pipes {
    fn of_this_process(runtime: &tokio::runtime::Runtime) -> anyhow::Result<Self> {
        let _inside = runtime.enter();
        let input = pipe::Receiver::from_owned_fd(owned(std::io::stdin())?).context("standard input must be a pipe")?;
        let output =
            pipe::Sender::from_owned_fd(owned(std::io::stdout())?).context("standard output must be a pipe")?;
        Ok(Self { input, output })
    }
}

/// What runs share.
#[derive(Clone)]
struct Pace {
    ticker: Arc<Ticker>,
    lanes: Lanes,
    warm: Warm,
    /// What runs may know of the device.
    facts: Arc<[(String, Fact)]>,
}

async fn serve(source: Source, engine: wasmtime::Engine, pipes: Pipes, lacks: Vec<String>) -> anyhow::Result<()> {
    let Pipes { input, output } = pipes;
    let pace = Pace {
        ticker: Arc::new(Ticker::start(&engine)?),
        lanes: Lanes::start(READERS_MAX)?,
        warm: Warm::default(),
        facts: Arc::new([]),
    };
    let (supervisor, outgoing) = Supervisor::new();
    supervisor.send(FromRunner::Ready { engine: engine_identity(), lacks });
    let mut writer = tokio::spawn(frames::write_all(outgoing, output));
    let mut reader = std::pin::pin!(read(engine, pace, supervisor, input, source));
    tokio::select! {
        ended = &mut reader => ended,
        ended = &mut writer => ended.context("the writer panicked")?.context("writing a frame"),
    }
}

fn owned(stream: impl AsFd) -> std::io::Result<OwnedFd> {
    stream.as_fd().try_clone_to_owned()
}

async fn read(
    engine: wasmtime::Engine,
    mut pace: Pace,
    supervisor: Supervisor,
    input: pipe::Receiver,
    source: Source,
) -> anyhow::Result<()> {
    let mut library = Library::new(engine.clone());
    let places = Arc::new(Semaphore::new(CONCURRENT_RUNS_MAX as usize));
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut buffer = Vec::new();
    while let Some(frame) = frames::read(&mut input, &mut buffer).await.context("reading a frame")? {
        match frame {
            ToRunner::Load { artifact, compiled } => supervisor.send(match library.load(artifact.clone(), &compiled) {
                Ok(()) => FromRunner::Loaded { artifact },
                Err(reason) => FromRunner::LoadFailed { artifact, reason },
            }),
            ToRunner::Unload { artifact } => {
                library.unload(&artifact);
                pace.warm.unload(&artifact);
            }
            ToRunner::Reply { run, call, reply } => supervisor.reply(run, call, reply),
            ToRunner::Facts(facts) => pace.facts = facts.into(),
            ToRunner::Run(requests) => {
                for request in requests {
                    begin(&engine, &pace, &mut library, &supervisor, &places, request, source);
                }
            }
        }
    }
    Ok(())
}

fn begin(
    engine: &wasmtime::Engine,
    pace: &Pace,
    library: &mut Library,
    supervisor: &Supervisor,
    places: &Arc<Semaphore>,
    request: RunRequest,
    source: Source,
) {
    let linked = source
        .accepts(&request)
        .and_then(|()| library.linked(&request.artifact, &request.invocation, &request.grants, &request.optional));
    pace.warm.sweep();
    let long = Long::default();
    // Its state is large: boxed once, it is not moved again.
    let run = Box::pin(run::run(
        engine.clone(),
        linked,
        request,
        Arc::clone(&pace.facts),
        supervisor.clone(),
        long.clone(),
        pace.warm.clone(),
    ));
    let (lanes, ticker) = (pace.lanes.clone(), Arc::clone(&pace.ticker));
    let (supervisor, places) = (supervisor.clone(), Arc::clone(places));
    tokio::spawn(async move {
        // The semaphore is never closed: without a permit the run would only be less bounded, so it goes on either way.
        let _place = places.acquire().await;
        let _running = ticker.run();
        if let Some(report) = lanes.run(run, long).await {
            supervisor.send(FromRunner::Done(vec![report]));
        }
    });
}
