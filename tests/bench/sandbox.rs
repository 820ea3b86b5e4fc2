//! What the sandbox adds: a fresh run as the agent makes it, beside bare wasmtime.
//!
//! Both sides read the same figures by the same code. Blocks alternate, and each block is compared with its neighbour:
//! a machine that becomes slower makes both slower.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use fitment_domain::finding::{self, FindingLimits};
use fitment_domain::package::{self, PackageLimits};
use fitment_domain::run::{End, Invocation, Returned, RunReport};
use fitment_domain::time::UnixMs;
use fitment_runner_client::{ComponentRef, NoHostCalls, RunSpec, Sandbox, SandboxConfig};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::Failure;
use crate::bare::Bare;
use crate::figures::{Sorted, cores, machine, number, us};
use crate::{checks, forks, neighbours, processor};

/// Runs in a block, one after the other.
const BLOCK: usize = 100;
/// Runs under way at the same time: as many as a runner takes.
const IN_FLIGHT: usize = 64;
/// Runs in a block of that kind.
const BLOCK_IN_FLIGHT: usize = 512;
const WARM_UP_RUNS: usize = 500;
const CONFIG: &str = "{}";
/// The threads of the agent.
const WORKERS: usize = 2;

/// Takes the figures: `rounds` pairs of blocks of either kind.
pub(crate) fn measure(accessories: &Path, programs: Option<PathBuf>, rounds: usize) -> Result<Value, Failure> {
    let programs = match programs {
        Some(programs) => programs,
        None => std::env::current_exe()?.parent().ok_or("this program lies in no folder")?.to_owned(),
    };
    let component = read_component(accessories)?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("load.wasm");
    std::fs::write(&file, &component)?;
    let mut bare = Bare::start(&programs.join("fitment-bare"), &file, CONFIG)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let client = runtime.block_on(Client::start(programs.clone(), folder.path().join("cache"), &component))?;

    println!("load, configuration {CONFIG}, on {}", machine());
    runtime.block_on(client.clone().one_at_a_time(WARM_UP_RUNS))?;
    bare.block(WARM_UP_RUNS)?;
    let mut alternating = Alternating::default();
    for _ in 0..rounds {
        // In a task, as the agent makes its runs.
        let ours = runtime.block_on(runtime.spawn(client.clone().one_at_a_time(BLOCK)))??;
        alternating.singly.push((ours, bare.block(BLOCK)?));
    }
    let runner = processor::child("fitment-runner")?;
    for _ in 0..rounds {
        let before = (processor::spent_ns(runner)?, processor::spent_ns(bare.pid())?);
        let waited_ns = runtime.block_on(runtime.spawn(client.clone().in_flight(BLOCK_IN_FLIGHT)))??;
        let runner_ns = processor::spent_ns(runner)? - before.0;
        let bare_waited_ns = bare.block(BLOCK_IN_FLIGHT)?.iter().sum();
        let bare_ns = processor::spent_ns(bare.pid())? - before.1;
        alternating.together.push(Together { waited_ns, runner_ns, bare_waited_ns, bare_ns });
    }
    let mut figures = alternating.figures(&readings()?);
    let forks = forks::measure()?;
    let fresh = figures["fresh_run_in_flight_us_median"].as_f64().unwrap_or(f64::NAN);
    println!("check_load of monitoring-plugins, forked: N = {}", forks.count());
    row("fork, exec and wait", &forks);
    println!("  {:.0} times a fresh run of load", forks.median() / fresh);
    figures["fork_us_median"] = number(forks.median());
    figures["fork_vs_fresh_run"] = number(forks.median() / fresh);
    let checks = checks::measure(&file, &programs)?;
    let beside = runtime.block_on(neighbours::measure(&client.sandbox, &client.component, &client.spec))?;
    for more in [checks, beside] {
        if let (Some(figures), Value::Object(more)) = (figures.as_object_mut(), more) {
            figures.extend(more);
        }
    }
    Ok(figures)
}

fn read_component(accessories: &Path) -> Result<Vec<u8>, Failure> {
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("fitment-load-") && name.ends_with(".wasm")
    };
    let listed = std::fs::read_dir(accessories).map_err(|e| format!("{}: {e}", accessories.display()))?;
    let found = listed.filter_map(|entry| Some(entry.ok()?.path())).find(is_it);
    let path = found.ok_or_else(|| format!("{} holds no built load", accessories.display()))?;
    Ok(std::fs::read(path)?)
}

/// The sandbox as the agent holds it, with what one run is started with.
#[derive(Clone)]
struct Client {
    sandbox: Sandbox,
    component: ComponentRef,
    spec: RunSpec,
}

/// One run: how long its caller waited, and how much of that the runner counted.
#[derive(Clone, Copy)]
struct Times {
    waited_ns: u64,
    in_runner_us: u64,
    processor_us: u64,
}

impl Client {
    async fn start(programs_dir: PathBuf, cache_dir: PathBuf, bytes: &[u8]) -> Result<Self, Failure> {
        let package = package::read(bytes, &PackageLimits::standard())?;
        let spec = RunSpec {
            invocation: Invocation::Check,
            config: CONFIG.to_owned(),
            parameters: "{}".to_owned(),
            grants: package.manifest.asked()?,
            optional: package.manifest.optional(),
            budget: package.manifest.budget()?,
            facts: fitment_device::facts::read(env!("CARGO_PKG_VERSION")).into(),
            now: UnixMs(0),
            state: Default::default(),
            warm: None,
        };
        let sandbox = Sandbox::start(SandboxConfig { programs_dir, cache_dir, mac_key: [7; 32] }).await?;
        let component = ComponentRef { digest: package.digest, bytes: bytes.into() };
        sandbox.prepare(&component).await?;
        Ok(Self { sandbox, component, spec })
    }

    async fn run(&self) -> Result<Times, Failure> {
        let started = Instant::now();
        let report = self.sandbox.run(&self.component, self.spec.clone(), Arc::new(NoHostCalls)).await;
        check(&report)?;
        Ok(Times {
            waited_ns: u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
            in_runner_us: report.usage.wall_us,
            processor_us: report.usage.cpu_us,
        })
    }

    async fn one_at_a_time(self, runs: usize) -> Result<Vec<Times>, Failure> {
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            times.push(self.run().await?);
        }
        Ok(times)
    }

    /// Returns the nanoseconds of all of them.
    async fn in_flight(self, runs: usize) -> Result<u64, Failure> {
        let started = Instant::now();
        let all = futures_util::stream::iter(0..runs).map(|_| self.run()).buffer_unordered(IN_FLIGHT);
        all.try_for_each(|_| std::future::ready(Ok(()))).await?;
        Ok(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A run counts only if it ended with findings that may pass.
fn check(report: &RunReport) -> Result<(), Failure> {
    match &report.end {
        End::Returned(Returned::Findings(findings)) if !findings.is_empty() => {
            Ok(finding::check(findings, &FindingLimits::standard())?)
        }
        other => Err(format!("a run ended with {other:?}").into()),
    }
}

/// Reads the load alone: what both sides have in common besides the guest's own work.
fn readings() -> Result<Sorted, Failure> {
    let mut times = Vec::new();
    for _ in 0..WARM_UP_RUNS {
        let started = Instant::now();
        std::hint::black_box(fitment_device::cpu::load()?);
        times.push(us(u64::try_from(started.elapsed().as_nanos())?));
    }
    Ok(Sorted::new(times))
}

/// Pairs of neighbouring blocks: ours, and the peer's.
#[derive(Default)]
struct Alternating {
    singly: Vec<(Vec<Times>, Vec<u64>)>,
    together: Vec<Together>,
}

/// Two blocks of many at a time.
struct Together {
    waited_ns: u64,
    /// On the processor: frames read and written, grants, budget, usage and findings, and the run itself.
    runner_ns: u64,
    bare_waited_ns: u64,
    bare_ns: u64,
}

impl Alternating {
    fn figures(&self, readings: &Sorted) -> Value {
        let runs = || self.singly.iter().flat_map(|(ours, _)| ours);
        let ours = Sorted::new(runs().map(|t| us(t.waited_ns)));
        let in_runner = Sorted::new(runs().map(|t| t.in_runner_us as f64));
        let processor = Sorted::new(runs().map(|t| t.processor_us as f64));
        let bare = Sorted::new(self.singly.iter().flat_map(|(_, bare)| bare).map(|ns| us(*ns)));
        let pairs = self.singly.iter().map(|(ours, bare)| {
            let ours = Sorted::new(ours.iter().map(|t| us(t.waited_ns)));
            (ours.median(), Sorted::new(bare.iter().map(|ns| us(*ns))).median())
        });
        let ratio = Sorted::new(pairs.clone().map(|(ours, bare)| ours / bare));
        let added = Sorted::new(pairs.map(|(ours, bare)| ours - bare));
        let each = |total_ns: fn(&Together) -> u64| {
            Sorted::new(self.together.iter().map(|block| us(total_ns(block)) / BLOCK_IN_FLIGHT as f64))
        };
        let of_blocks = |pick: fn(&Together) -> f64| Sorted::new(self.together.iter().map(pick));
        let together = each(|block| block.waited_ns);
        let bare_together = each(|block| block.bare_waited_ns);
        let ratio_together = of_blocks(|block| block.waited_ns as f64 / block.bare_waited_ns as f64);
        let (runner, bare_alone) = (each(|block| block.runner_ns), each(|block| block.bare_ns));
        let ratio_spent = of_blocks(|block| block.runner_ns as f64 / block.bare_ns as f64);

        let rounds = self.singly.len();
        println!("one at a time: N = {} on either side, in {rounds} pairs of blocks of {BLOCK}", ours.count());
        row("through client and runner", &ours);
        row("  of which the runner counted", &in_runner);
        row("  of which on its processor", &processor);
        row("bare wasmtime", &bare);
        row("reading the load alone", readings);
        println!("  {}; {:.1} µs more", ratio_in_words(&ratio), added.median());
        let n_together = rounds * BLOCK_IN_FLIGHT;
        println!(
            "{IN_FLIGHT} in flight: N = {n_together} on either side, in {rounds} pairs of blocks of {BLOCK_IN_FLIGHT}; time of a block / its runs"
        );
        row("through client and runner", &together);
        row("bare wasmtime, one by one", &bare_together);
        println!("  {}", ratio_in_words(&ratio_together));
        println!(
            "the same blocks, time on the processor: a fresh run with its frames, grants, budget, usage and findings"
        );
        row("the runner", &runner);
        row("bare wasmtime", &bare_alone);
        println!("  {}", ratio_in_words(&ratio_spent));
        json!({
            "n": ours.count(),
            "cores": cores(),
            "fresh_run_us_median": number(ours.median()),
            "fresh_run_us_p99": number(ours.at(0.99)),
            "in_runner_us_median": number(in_runner.median()),
            "bare_us_median": number(bare.median()),
            "bare_us_p99": number(bare.at(0.99)),
            "readings_us_median": number(readings.median()),
            "waited_vs_bare": number(ratio.median()),
            "fresh_run_vs_bare": number(ratio_spent.median()),
            "runner_us_median": number(runner.median()),
            "fresh_run_added_us_median": number(added.median()),
            "n_in_flight": n_together,
            "in_flight": IN_FLIGHT,
            "fresh_run_in_flight_us_median": number(together.median()),
            "bare_in_flight_us_median": number(bare_together.median()),
            "fresh_run_in_flight_vs_bare": number(ratio_together.median()),
        })
    }
}

fn row(name: &str, times: &Sorted) {
    println!("  {name:<32} median {:>8.1} µs   p99 {:>8.1} µs", times.median(), times.at(0.99));
}

fn ratio_in_words(ratio: &Sorted) -> String {
    let (middle, low, high) = (ratio.median(), ratio.at(0.25), ratio.at(0.75));
    format!("{middle:.2} times bare, block by block (half of the pairs between {low:.2} and {high:.2})")
}
