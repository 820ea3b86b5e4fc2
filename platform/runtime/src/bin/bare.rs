//! `fitment-bare`: the benchmark's peer. The same component, placement and readings as the runner, and nothing of what the
//! runner adds: no grants, no fuel, no limiter, no usage, no frames, no second process.
//!
//! ```text
//! fitment-bare <component> [configuration]       for each line on standard input, a number of runs: prints [ns,ns,…]
//! fitment-bare run speed|none <component>        the same, with fuel, compiled at this level
//! fitment-bare compile speed|none <component>    compiles at this level, and prints what that took
//! ```

use std::io::{BufRead as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use fitment_domain::run as domain;
use fitment_runtime::contract::monitor::MonitorPre;
use fitment_runtime::contract::offered::{self, clock, device, logging, metrics, run_context, types};
use fitment_runtime::engine::{Placement, Running, Ticker, configuration};
use fitment_runtime::readings;
use types::{Fact, Fault};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, OptLevel, Result, Store, UpdateDeadline};

/// No answer is longer than a few megabytes.
const RUNS_MAX: usize = 100_000;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fitment-bare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (path, config, shape) = match words.as_slice() {
        ["compile", level, path] => return compile(path, level_of(level)?),
        ["run", level, path] => (*path, "{}", Shape { level: level_of(level)?, fuel: true }),
        [path] => (*path, "{}", FASTEST),
        [path, config] => (*path, *config, FASTEST),
        _ => {
            bail!("usage: fitment-bare [run LEVEL] <component> [configuration], with numbers of runs on standard input")
        }
    };
    let component = std::fs::read(path).with_context(|| format!("reading {path}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let peer = Peer::new(&component, config, shape).map_err(|e| anyhow::anyhow!("{e:#}"))?;
    for line in std::io::stdin().lock().lines() {
        let runs: usize = line?.trim().parse().context("each line must be a number of runs")?;
        let times = runtime.block_on(peer.block(runs.min(RUNS_MAX))).map_err(|e| anyhow::anyhow!("{e:#}"))?;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", serde_json::to_string(&times)?)?;
        stdout.flush()?;
    }
    Ok(())
}

/// How a component is compiled and run.
#[derive(Clone, Copy)]
struct Shape {
    level: OptLevel,
    fuel: bool,
}

/// The best configuration of the peer.
const FASTEST: Shape = Shape { level: OptLevel::Speed, fuel: false };

fn level_of(word: &str) -> anyhow::Result<OptLevel> {
    match word {
        "speed" => Ok(OptLevel::Speed),
        "none" => Ok(OptLevel::None),
        other => bail!("level {other:?} is neither speed nor none"),
    }
}

/// Compiles as the compiler program does, but for the level, and prints milliseconds and bytes.
fn compile(path: &str, level: OptLevel) -> anyhow::Result<()> {
    let component = std::fs::read(path).with_context(|| format!("reading {path}"))?;
    let engine = || -> Result<Engine> {
        let mut config = configuration(Placement::OnDemand)?;
        config.cranelift_opt_level(level);
        Engine::new(&config)
    };
    let engine = engine().map_err(|e| anyhow::anyhow!("{e:#}"))?;
    let started = Instant::now();
    let code = engine.precompile_component(&component).map_err(|e| anyhow::anyhow!("{e:#}"))?;
    let compile_ms = started.elapsed().as_secs_f64() * 1_000.0;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the kernel tells no peak")?;
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().context("the kernel's peak does not read")?;
    let took =
        serde_json::json!({ "compile_ms": compile_ms, "peak_bytes": peak_kib * 1_024, "code_bytes": code.len() });
    writeln!(std::io::stdout(), "{took}")?;
    Ok(())
}

/// What is made once: engine, linked component, configuration.
struct Peer<'a> {
    engine: Engine,
    pre: MonitorPre<Bare>,
    config: &'a str,
    fuel: bool,
    facts: Arc<[(String, domain::Fact)]>,
    _ticking: Running,
}

impl<'a> Peer<'a> {
    fn new(component: &[u8], config: &'a str, Shape { level, fuel }: Shape) -> Result<Self> {
        let mut shaped = configuration(Placement::Pooled)?;
        shaped.consume_fuel(fuel);
        shaped.cranelift_opt_level(level);
        let engine = Engine::new(&shaped)?;
        let ticking = Ticker::start(&engine)?.run();
        let component = Component::from_binary(&engine, component)?;
        let pre = MonitorPre::new(linker(&engine)?.instantiate_pre(&component)?)?;
        let facts = fitment_device::facts::read(env!("CARGO_PKG_VERSION"));
        Ok(Self { engine, pre, config, fuel, facts: facts.into(), _ticking: ticking })
    }

    /// Measures a fresh store and instance, one `check` and the drop of all, in nanoseconds each.
    async fn block(&self, runs: usize) -> Result<Vec<u64>> {
        let mut times = Vec::with_capacity(runs);
        for _ in 0..runs {
            let started = Instant::now();
            self.check().await?;
            times.push(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(times)
    }

    async fn check(&self) -> Result<()> {
        let bare = Bare { config: self.config.to_owned(), facts: Arc::clone(&self.facts), started: Instant::now() };
        let mut store = Store::try_new(&self.engine, bare)?;
        if self.fuel {
            store.set_fuel(u64::MAX)?;
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let guest = self.pre.instantiate_async(&mut store).await?;
        let findings = guest.fitment_accessory_monitor_run().call_check(&mut store).await?;
        let given = std::hint::black_box(findings);
        given.map(drop).map_err(|fault| wasmtime::format_err!("the accessory answered {fault:?}"))
    }
}

fn linker(engine: &Engine) -> Result<Linker<Bare>> {
    let mut linker = Linker::new(engine);
    offered::run_context::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::logging::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::device::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    offered::metrics::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

struct Bare {
    config: String,
    facts: Arc<[(String, domain::Fact)]>,
    started: Instant,
}

impl run_context::Host for Bare {
    fn config(&mut self) -> Result<String> {
        Ok(self.config.clone())
    }

    fn parameters(&mut self) -> Result<String> {
        Ok("{}".to_owned())
    }

    fn remaining_ms(&mut self) -> Result<u32> {
        Ok(u32::MAX)
    }
}

impl logging::Host for Bare {
    fn log(&mut self, _level: logging::Level, _message: String) -> Result<()> {
        Ok(())
    }
}

impl clock::Host for Bare {
    fn now_ms(&mut self) -> Result<u64> {
        Ok(0)
    }

    fn monotonic_ns(&mut self) -> Result<u64> {
        Ok(readings::monotonic_ns(self.started))
    }
}

impl device::Host for Bare {
    fn get_fact(&mut self, name: String) -> Result<Option<Fact>> {
        Ok(self.facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact.clone().into()))
    }

    fn list_facts(&mut self) -> Result<Vec<(String, Fact)>> {
        Ok(Vec::new())
    }
}

impl metrics::Host for Bare {
    async fn read_cpu(&mut self) -> Result<std::result::Result<metrics::Cpu, Fault>> {
        Ok(readings::cpu().await)
    }

    fn read_memory(&mut self) -> Result<std::result::Result<metrics::Memory, Fault>> {
        Ok(readings::memory())
    }

    async fn read_filesystems(&mut self) -> Result<std::result::Result<Vec<metrics::Filesystem>, Fault>> {
        Ok(readings::filesystems())
    }

    fn read_networks(&mut self) -> Result<std::result::Result<Vec<metrics::Network>, Fault>> {
        Ok(readings::networks())
    }

    fn read_temperatures(&mut self) -> Result<std::result::Result<Vec<metrics::Temperature>, Fault>> {
        Ok(readings::temperatures())
    }

    fn read_uptime(&mut self) -> wasmtime::Result<Result<metrics::Uptime, Fault>> {
        Ok(Err(Fault::Unsupported("metrics.read-uptime".to_owned())))
    }
}
