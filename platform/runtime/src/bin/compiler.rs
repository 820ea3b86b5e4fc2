//! `fitment-compiler`: looks at components and compiles them, in a process that may die of it and takes nothing along.
//!
//! ```text
//! fitment-compiler identity                             prints what compiled code depends on, as JSON
//! fitment-compiler inspect < component.wasm             prints an inspection as JSON; compiles nothing
//! fitment-compiler compile < component.wasm             prints compiled code for the processor that this runs on
//! fitment-compiler compile-for TARGET < component.wasm  prints compiled code for every machine of a target, always the same bytes
//! ```

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use fitment_device::descriptors;
use fitment_domain::artifact::{Build, Target};
use fitment_runtime::confine::{self, Bounds, Needs};
use fitment_runtime::engine::{Placement, configuration, configuration_for, engine_identity};
use fitment_runtime::inspect::{self, COMPONENT_BYTES_MAX};
use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

const ADDRESS_SPACE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
const CPU_SECONDS_MAX: u64 = 60;
const NICENESS: i32 = 10;
/// Pipes alone are open; whoever compiles by hand may write the code into a file.
const BOUNDS: Bounds =
    Bounds { open_files_max: 16, file_bytes_max: 64 * 1024 * 1024, more_address_space_bytes_max: None };

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fitment-compiler: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    descriptors::close_inherited();
    confine().context("limiting this process")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let output = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["identity"] => serde_json::to_vec(&identity()?)?,
        ["inspect"] => serde_json::to_vec(&inspect::inspect(&component()?))?,
        ["compile"] => compile(&component()?, engine()?)?,
        ["compile-for", target] => compile(&component()?, engine_for(target)?)?,
        _ => bail!(
            "usage: fitment-compiler identity | inspect | compile | compile-for TARGET, with the component on standard input"
        ),
    };
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&output)?;
    stdout.flush()?;
    Ok(())
}

/// Compiling is where a small upload can ask for hours and gigabytes: the kernel ends it. And a compiler that an upload breaks has no
/// file, no network and no program left.
fn confine() -> anyhow::Result<()> {
    let limit = |resource, value| setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) });
    limit(Resource::As, ADDRESS_SPACE_BYTES_MAX)?;
    limit(Resource::Cpu, CPU_SECONDS_MAX)?;
    // Where even a lower priority is refused the work is still bounded.
    let _ = nice(NICENESS);
    // What the kernel lacks the runner tells, which gives up the same and is asked.
    confine::confine(Needs::Nothing, BOUNDS)?;
    Ok(())
}

fn component() -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than is allowed, so that the inspection can say that it is too large.
    std::io::stdin().lock().take(COMPONENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What compiled code depends on: the runner names `engine` too, `compatibility` only a compiler can compute.
#[derive(serde::Serialize)]
struct Identity {
    engine: String,
    compatibility: String,
    build: Build,
}

fn identity() -> anyhow::Result<Identity> {
    let engine = engine()?;
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let compatibility = format!("{:016x}", hasher.finish());
    Ok(Identity { engine: engine_identity(), compatibility, build: Build::of_this_version() })
}

fn compile(component: &[u8], engine: Engine) -> anyhow::Result<Vec<u8>> {
    let problems = inspect::structure(component).problems;
    if !problems.is_empty() {
        let reasons: Vec<String> = problems.into_iter().map(|p| format!("{}: {}", p.rule, p.message)).collect();
        bail!("refused before compiling: {}", reasons.join("; "));
    }
    engine.precompile_component(component).map_err(|e| anyhow::anyhow!("compiling: {e:#}"))
}

fn engine() -> anyhow::Result<Engine> {
    let configuration = configuration(Placement::OnDemand).map_err(|e| anyhow::anyhow!("{e:#}"))?;
    Engine::new(&configuration).map_err(|e| anyhow::anyhow!("making the engine: {e:#}"))
}

fn engine_for(name: &str) -> anyhow::Result<Engine> {
    let known = || Target::ALL.map(Target::as_str).join(", ");
    let target = Target::parse(name).with_context(|| format!("target {name:?} is not known: there are {}", known()))?;
    let configuration = configuration_for(target).map_err(|e| anyhow::anyhow!("{e:#}"))?;
    let configuration = configuration.with_context(|| {
        format!(
            "target {target} is not supported by this compiler, which runs on {} and compiles for it alone",
            std::env::consts::ARCH
        )
    })?;
    Engine::new(&configuration).map_err(|e| anyhow::anyhow!("making the engine: {e:#}"))
}
