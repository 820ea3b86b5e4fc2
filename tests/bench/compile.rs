//! What lower optimisation would save when a component is compiled, and what it would cost whenever it runs.
//!
//! The benchmark's own peer compiles, with the configuration of the runner and the level that it is told: the compiler that is shipped
//! has one level, and no option for another.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::Failure;
use crate::bare::Bare;
use crate::figures::{Sorted, cores, machine, number, us};

const LEVELS: [&str; 2] = ["speed", "none"];
const BLOCKS: usize = 20;
const RUNS_OF_A_BLOCK: usize = 100;
const MIB: f64 = 1024.0 * 1024.0;

/// What one compilation took, in a process of its own.
struct Compiled {
    compile_ms: f64,
    /// The most that the process held, component and code included.
    peak_bytes: f64,
    code_bytes: f64,
}

/// Compiles a component at each level in turn, so many times, and runs it.
pub(crate) fn measure(programs: &Path, component: &Path, times: usize) -> Result<Value, Failure> {
    let bare = programs.join("fitment-bare");
    let size = std::fs::metadata(component).map_err(|e| format!("{}: {e}", component.display()))?.len();
    println!("compiling {} ({size} bytes), on {}", component.display(), machine());
    let mut compiled: [Vec<Compiled>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..times {
        for (level, taken) in LEVELS.iter().zip(&mut compiled) {
            taken.push(compile(&bare, level, component)?);
        }
    }
    let mut figures = json!({ "n": times, "cores": cores(), "component_bytes": size });
    for (level, taken) in LEVELS.iter().zip(&compiled) {
        let of = |what: fn(&Compiled) -> f64| Sorted::new(taken.iter().map(what));
        let (ms, peak) = (of(|c| c.compile_ms), of(|c| c.peak_bytes / MIB));
        let code = of(|c| c.code_bytes / MIB);
        println!(
            "  {level:<5}   compile median {:>9.1} ms   peak {:>7.1} MiB   code {:>6.1} MiB",
            ms.median(),
            peak.max(),
            code.median()
        );
        figures[format!("compile_ms_{level}")] = number(ms.median());
        figures[format!("peak_mib_{level}")] = number(peak.max());
        figures[format!("code_mib_{level}")] = number(code.median());
    }
    match fresh_runs(&bare, component) {
        Ok(runs) => {
            for (level, times) in LEVELS.iter().zip(&runs) {
                println!(
                    "  {level:<5}   fresh run median {:>7.1} µs, with fuel, N = {}",
                    times.median(),
                    times.count()
                );
                figures[format!("fresh_run_us_{level}")] = number(times.median());
            }
        }
        Err(reason) => println!("  not run: {reason}"),
    }
    Ok(figures)
}

fn compile(bare: &Path, level: &str, component: &Path) -> Result<Compiled, Failure> {
    let output = Command::new(bare).args(["compile", level]).arg(component).output();
    let output = output.map_err(|e| format!("{} cannot be started: {e}", bare.display()))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    let took: Value = serde_json::from_slice(&output.stdout)?;
    let of = |key: &str| took[key].as_f64().ok_or_else(|| format!("the peer says nothing of {key}"));
    Ok(Compiled { compile_ms: of("compile_ms")?, peak_bytes: of("peak_bytes")?, code_bytes: of("code_bytes")? })
}

/// Runs both in turn: what disturbs one disturbs the other.
fn fresh_runs(bare: &Path, component: &Path) -> Result<[Sorted; 2], Failure> {
    let [speed, none] = LEVELS;
    let mut peers = [Bare::start_at(bare, speed, component)?, Bare::start_at(bare, none, component)?];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..BLOCKS {
        for (peer, times) in peers.iter_mut().zip(&mut times) {
            times.extend(peer.block(RUNS_OF_A_BLOCK)?.into_iter().map(us));
        }
    }
    Ok(times.map(Sorted::new))
}
