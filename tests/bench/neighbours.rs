//! What guests that want everything cost those beside them, and how late they end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::budget::Budget;
use fitment_domain::run::{End, Invocation};
use fitment_runner_client::{ComponentRef, NoHostCalls, RunSpec, Sandbox};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::Failure;
use crate::figures::{Sorted, number, us};
use crate::guest;

/// Runs of the neighbour in a block: alone, beside, alone, beside.
const BLOCK: usize = 400;
const BLOCKS: usize = 6;
/// The neighbour's runs are so far apart, as scheduled runs are.
const PAUSE: Duration = Duration::from_millis(5);
/// Guests that are stopped, of each kind.
const STOPPED: usize = 60;
const LIMIT_MS: u64 = 200;

/// Takes the figures with a neighbour that is already prepared.
pub(crate) async fn measure(sandbox: &Sandbox, neighbour: &ComponentRef, spec: &RunSpec) -> Result<Value, Failure> {
    let spins = guest::guest("spins");
    sandbox.prepare(&spins).await?;
    let (mut alone, mut beside, mut rises) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..BLOCKS {
        let quiet = block(sandbox, neighbour, spec).await?;
        let spinning = keep_spinning(sandbox.clone(), spins.clone(), spec.clone());
        let loud = block(sandbox, neighbour, spec).await?;
        spinning.abort();
        let _ = spinning.await;
        rises.push(Sorted::new(loud.iter().copied()).at(0.99) / Sorted::new(quiet.iter().copied()).at(0.99) - 1.0);
        alone.extend(quiet);
        beside.extend(loud);
    }
    let (alone, beside, rises) = (Sorted::new(alone), Sorted::new(beside), Sorted::new(rises));
    println!(
        "a neighbour, every {} ms: N = {} alone and beside a guest that spins without end",
        PAUSE.as_millis(),
        alone.count()
    );
    for (name, times) in [("alone", &alone), ("beside it", &beside)] {
        println!("  {name:<32} median {:>8.1} µs   p99 {:>8.1} µs", times.median(), times.at(0.99));
    }
    println!("  p99 rises by {:.2} of itself (median of {BLOCKS} pairs of blocks)", rises.median());
    let mut late = Vec::new();
    for (name, constants) in [("spins", &[][..]), ("grows", &[][..])] {
        let stopped = stop(sandbox, &guest::guest_with(name, constants), spec).await?;
        println!(
            "  {name}: ended {:.1} ms after its {LIMIT_MS} ms at the median, p99 {:.1} ms",
            stopped.median(),
            stopped.at(0.99)
        );
        late.push(stopped);
    }
    let overrun = late.iter().map(|stopped| stopped.at(0.99)).fold(0.0, f64::max);
    Ok(json!({
        "neighbour_us_p99": number(alone.at(0.99)),
        "neighbour_beside_us_p99": number(beside.at(0.99)),
        "neighbour_p99_rise": number(rises.median()),
        "stop_overrun_ms_p99": number(overrun),
    }))
}

async fn block(sandbox: &Sandbox, neighbour: &ComponentRef, spec: &RunSpec) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::with_capacity(BLOCK);
    for _ in 0..BLOCK {
        tokio::time::sleep(PAUSE).await;
        let started = Instant::now();
        let report = sandbox.run(neighbour, spec.clone(), Arc::new(NoHostCalls)).await;
        times.push(us(u64::try_from(started.elapsed().as_nanos())?));
        if !matches!(report.end, End::Returned(_)) {
            return Err(format!("a neighbour's run ended with {:?}", report.end).into());
        }
    }
    Ok(times)
}

/// Spins within the usual budget, again and again.
fn keep_spinning(sandbox: Sandbox, spins: ComponentRef, like: RunSpec) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let budget = Budget { fuel_max: u64::MAX, ..Budget::default_for_accessories() };
            let spec = RunSpec { invocation: Invocation::Check, budget, ..like.clone() };
            sandbox.run(&spins, spec, Arc::new(NoHostCalls)).await;
        }
    })
}

/// Returns how many milliseconds after its wall time each run of a guest ended.
async fn stop(sandbox: &Sandbox, guest: &ComponentRef, like: &RunSpec) -> Result<Sorted, Failure> {
    sandbox.prepare(guest).await?;
    let mut late = Vec::with_capacity(STOPPED);
    for _ in 0..STOPPED {
        let usual = Budget::default_for_accessories();
        let budget = Budget { fuel_max: u64::MAX, cpu_ms_max: u64::MAX, wall_ms_max: LIMIT_MS, ..usual };
        let spec = RunSpec { budget, ..like.clone() };
        let started = Instant::now();
        sandbox.run(guest, spec, Arc::new(NoHostCalls)).await;
        late.push((started.elapsed().as_secs_f64() * 1_000.0 - LIMIT_MS as f64).max(0.0));
    }
    Ok(Sorted::new(late))
}
