//! The one engine configuration: what the compiler makes, the runner and the benchmark's peer can load.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, ModuleVersionStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

#[cfg(feature = "compiler")]
use fitment_domain::artifact::Target;
use fitment_domain::budget::Budget;

/// The exact wasmtime: compiled code of another patch version is never loaded, because a patch may have fixed the compiler.
pub const WASMTIME: &str = "48.0.8";
/// Raised by hand when this configuration changes in a way that compiled code depends on.
pub const CONFIGURATION: u32 = 1;
/// How many runs one runner takes at a time; the pool is cut to it.
pub const CONCURRENT_RUNS_MAX: u32 = 64;
/// Instances that one runner keeps warm at a time; each holds a place of the pool.
pub const KEPT_MAX: u32 = 8;
/// The time between two looks at the budget of a guest that computes, and the most that it keeps those beside it waiting.
pub const EPOCH_TICK: Duration = Duration::from_millis(2);
/// The epoch stands still when nothing ran for so many ticks: an idle device is not woken.
const IDLE_TICKS: u32 = 500;
/// The sleeping thread looks so often whether its engine is still there.
const ASLEEP_MAX: Duration = Duration::from_secs(60);

/// Instances that may be kept besides those that run.
const INSTANCES_MAX: u32 = CONCURRENT_RUNS_MAX + KEPT_MAX;

/// Core instances and tables that one component may bring: Python brings 38 and 14, Rust 3 and 2.
const CORE_INSTANCES_PER_RUN: u32 = 40;
const TABLES_PER_RUN: u32 = 16;
/// Memories that one component may bring.
pub const MEMORIES_PER_RUN: u32 = 2;
/// Bytes of a guest's memory that are cleared and kept rather than unmapped after a run: page faults are most of a short run.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;

/// How an engine places instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// In slots reserved once: runs start in microseconds.
    Pooled,
    /// One mapping at a time: for compilers, and where address space is short.
    OnDemand,
}

/// Returns the configuration that compiler, runner and peer share. Placement does not touch what compiled code may do.
pub fn configuration(placement: Placement) -> wasmtime::Result<Config> {
    let mut config = Config::new();
    config.module_version(ModuleVersionStrategy::Custom(format!("{WASMTIME}/fitment-{CONFIGURATION}")))?;
    config.epoch_interruption(true);
    config.consume_fuel(true);
    config.wasm_memory64(false);
    config.wasm_relaxed_simd(false);
    config.max_wasm_stack(512 * 1024);
    config.async_stack_size(2 * 1024 * 1024);
    // Stacks are not cleared between runs: a guest cannot name a byte of them, and it costs a third of a short run (measured).
    config.async_stack_zeroing(false);
    config.generate_address_map(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(16));
    config.wasm_backtrace_details(WasmBacktraceDetails::Disable);
    #[cfg(not(windows))]
    config.native_unwind_info(false);
    #[cfg(any(feature = "compiler", feature = "bare"))]
    config.cranelift_opt_level(wasmtime::OptLevel::Speed);
    if placement == Placement::Pooled {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    }
    Ok(config)
}

fn pool() -> PoolingAllocationConfig {
    let ceiling = Budget::ceiling();
    let elements = usize::try_from(ceiling.table_elements_max).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(INSTANCES_MAX)
        .total_stacks(INSTANCES_MAX)
        .total_core_instances(INSTANCES_MAX * CORE_INSTANCES_PER_RUN)
        .total_memories(INSTANCES_MAX * MEMORIES_PER_RUN)
        .total_tables(INSTANCES_MAX * TABLES_PER_RUN)
        .max_memories_per_component(MEMORIES_PER_RUN)
        .max_tables_per_component(TABLES_PER_RUN)
        .max_core_instances_per_component(CORE_INSTANCES_PER_RUN)
        // One module may bring them all: inspection counts per component, and what it lets through must load.
        .max_memories_per_module(MEMORIES_PER_RUN)
        .max_tables_per_module(TABLES_PER_RUN)
        .table_elements(elements)
        .max_memory_size(usize::try_from(ceiling.memory_bytes_max).unwrap_or(usize::MAX))
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(16 * 1024);
    pool
}

/// Makes an engine for running: pooled, or on demand where the pool cannot be reserved.
pub fn running_engine() -> wasmtime::Result<(Engine, Placement)> {
    match Engine::new(&configuration(Placement::Pooled)?) {
        Ok(engine) => Ok((engine, Placement::Pooled)),
        // Little address space (RLIMIT_AS, a 39-bit kernel) is no reason to run nothing.
        Err(_) => Ok((Engine::new(&configuration(Placement::OnDemand)?)?, Placement::OnDemand)),
    }
}

/// Advances the engine's epoch in a thread of its own while anything runs. The thread ends with the engine.
pub struct Ticker(Arc<Ticking>);

struct Ticking {
    under_way: AtomicUsize,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Ticker {
    /// Starts the thread.
    pub fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticking = Arc::new(Ticking {
            under_way: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let (engine, inner) = (engine.weak(), Arc::clone(&ticking));
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || inner.tick(&engine))?;
        let _ = ticking.thread.set(thread.thread().clone());
        Ok(Self(ticking))
    }

    /// Keeps the epoch going for as long as the answer lives.
    pub fn run(&self) -> Running {
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        if self.0.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.0.thread.get()
        {
            thread.unpark();
        }
        Running(Arc::clone(&self.0))
    }
}

impl Ticking {
    fn tick(&self, engine: &EngineWeak) {
        let mut idle = 0;
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            idle = if self.under_way.load(Ordering::SeqCst) > 0 { 0 } else { idle + 1 };
            if idle < IDLE_TICKS {
                std::thread::sleep(EPOCH_TICK);
                continue;
            }
            self.asleep.store(true, Ordering::SeqCst);
            // Whoever begins now either sees that this thread sleeps, or is seen here.
            if self.under_way.load(Ordering::SeqCst) == 0 {
                std::thread::park_timeout(ASLEEP_MAX);
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
    }
}

/// Something runs.
pub struct Running(Arc<Ticking>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns the configuration that compiles for every machine of a target, whatever this one can do; none if this compiler makes no
/// code for such machines: it has the back end of its own architecture alone.
#[cfg(feature = "compiler")]
pub fn configuration_for(target: Target) -> wasmtime::Result<Option<Config>> {
    let (arch, os) = target.machine();
    if (arch, os) != (std::env::consts::ARCH, std::env::consts::OS) {
        return Ok(None);
    }
    let mut config = configuration(Placement::OnDemand)?;
    // With a target that is named nothing is taken from the processor that this runs on.
    config.target(&format!("{arch}-unknown-{os}-gnu"))?;
    for feature in target.features() {
        enable(&mut config, feature);
    }
    Ok(Some(config))
}

#[cfg(feature = "compiler")]
#[expect(
    unsafe_code,
    reason = "a wrong setting makes wrong code; these name instructions, and whoever loads the code checks each of them"
)]
fn enable(config: &mut Config, feature: &str) {
    let setting = format!("has_{}", feature.replace('.', ""));
    // SAFETY: the setting adds instructions that every machine of the target has; `Engine` refuses to load code with others.
    unsafe { config.cranelift_flag_enable(&setting) };
}

/// Names what compiled code depends on and both programs can say: wasmtime, our configuration, target, processor.
pub fn engine_identity() -> String {
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    format!("wasmtime {WASMTIME}; fitment {CONFIGURATION}; {target}; {}", processor())
}

#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let mut found = Vec::new();
    macro_rules! detect {
        ($($feature:tt)*) => { $( if std::arch::is_x86_feature_detected!($feature) { found.push($feature); } )* };
    }
    detect!(
        "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avx512bitalg" "avx512dq" "avx512f"
        "avx512vbmi" "avx512vl"
    );
    found.join(" ")
}

#[cfg(target_arch = "aarch64")]
fn processor() -> String {
    let mut found = Vec::new();
    macro_rules! detect {
        ($($feature:tt)*) => { $( if std::arch::is_aarch64_feature_detected!($feature) { found.push($feature); } )* };
    }
    detect!("lse" "paca" "fp16");
    found.join(" ")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn processor() -> String {
    "baseline".to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_named_wasmtime_is_the_one_that_is_built() {
        let lock = include_str!("../../../Cargo.lock");
        assert!(lock.contains(&format!("name = \"wasmtime\"\nversion = \"{}\"\n", super::WASMTIME)));
    }

    #[test]
    fn another_wasmtime_or_configuration_is_another_build() {
        let this = format!("wasmtime {}; fitment {}", super::WASMTIME, super::CONFIGURATION);
        let build = fitment_domain::artifact::Build::of_this_version();
        assert_eq!(build.compiler, this, "append it to domain::artifact::BUILDS, with the next number");
        assert!(super::engine_identity().starts_with(&format!("{this}; ")));
    }
}
