//! One run: a fresh store under a budget, one call, and the truth about what it cost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::budget::Budget;
use fitment_domain::run::{End, Fact, Invocation, LogLine, RunReport, RunRequest, encoded_bytes};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};

use crate::lanes::Long;
use crate::meter::metered;
use crate::state::{Exhaustion, RunState};
use crate::supervisor::Supervisor;
use crate::warm::{Kept, Sameness, Warm};
use crate::world::{Guest, Instance};

const TRAP_BYTES_MAX: usize = 4096;
/// What a panic says leaves room for where it was.
const SAID_CHARS_MAX: usize = 1000;
/// Nanoseconds on the processor after which a run is one of the long ones.
const LONG_NS: u64 = 1_000_000;

/// Runs to the end, whatever that is: in a fresh instance, or in one that was kept where the request asks for that.
pub async fn run(
    engine: Engine,
    linked: Result<Arc<dyn Guest>, String>,
    request: RunRequest,
    facts: Arc<[(String, Fact)]>,
    supervisor: Supervisor,
    long: Long,
    warm: Warm,
) -> RunReport {
    let number = request.run;
    let linked = match linked {
        Ok(linked) => linked,
        Err(refusal) => return unstarted(number, End::Refused(refusal)),
    };
    let invocation = request.invocation.clone();
    let budget = request.budget.clone();
    let same = Sameness::of(&request);
    let before = same.as_ref().and_then(|same| warm.take(same, &linked));
    let state = RunState::new(request, facts, supervisor);
    let meter = Arc::clone(&state.meter);
    let mut kept = match before {
        Some(mut kept) => {
            kept.store.data_mut().begin_again(state);
            kept.used = Instant::now();
            kept
        }
        None => match Store::try_new(&engine, state) {
            Ok(store) => {
                let now = Instant::now();
                Kept { store, instance: Instance::default(), linked, calls: 0, made: now, used: now }
            }
            Err(error) => return unstarted(number, End::RunnerLost(text(&error))),
        },
    };
    kept.calls += 1;
    let Kept { store, instance, linked, .. } = &mut kept;
    let wall = Duration::from_millis(budget.wall_ms_max);
    let call = start(store, linked.as_ref(), instance, invocation, &budget, long);
    let ended = tokio::time::timeout(wall, metered(meter, call)).await;
    let end = match ended {
        Err(_elapsed) => End::Exhausted("wall_ms_max".to_owned()),
        Ok(Err(panic)) => End::RunnerLost(format!("the host panicked: {panic}")),
        Ok(Ok(Err(error))) => failed(&error, kept.store.data()),
        Ok(Ok(Ok(end))) => end,
    };
    let report = report(number, end, &mut kept.store);
    // After anything but a proper answer nobody knows what state it is in.
    if let (Some(same), true, End::Returned(_)) = (same, kept.instance.is_made(), &report.end) {
        warm.keep(same, kept);
    }
    report
}

async fn start(
    store: &mut Store<RunState>,
    linked: &dyn Guest,
    instance: &mut Instance,
    invocation: Invocation,
    budget: &Budget,
    long: Long,
) -> wasmtime::Result<End> {
    bound(store, budget, long)?;
    linked.call(store, instance, invocation).await
}

/// Sets every bound that wasmtime keeps for us.
fn bound(store: &mut Store<RunState>, budget: &Budget, long: Long) -> wasmtime::Result<()> {
    store.limiter(|state| &mut state.limiter);
    store.set_fuel(budget.fuel_max)?;
    store.set_hostcall_fuel(usize::try_from(budget.host_call_bytes_max).unwrap_or(usize::MAX));
    store.set_max_component_handles(usize::try_from(budget.handles_max).unwrap_or(usize::MAX));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |context| {
        if context.data().cpu_exhausted() {
            return Err(Exhaustion("cpu_ms_max").into());
        }
        // A guest that computes lets the others have their turn, and the clock of its wall time tick. The first tick may
        // have come a moment after it began.
        if context.data().meter.spent_ns() >= LONG_NS {
            long.note();
        }
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    Ok(())
}

/// Says which bound an error stands for; what is no bound is a trap.
fn failed(error: &wasmtime::Error, state: &RunState) -> End {
    if let Some(Exhaustion(bound)) = error.downcast_ref::<Exhaustion>() {
        return End::Exhausted((*bound).to_owned());
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => return End::Exhausted("fuel_max".to_owned()),
        Some(Trap::Interrupt) => return End::Exhausted("cpu_ms_max".to_owned()),
        _ => {}
    }
    let text = text(error);
    // wasmtime keeps the type of this error to itself.
    if text.contains("fuel allocated for hostcalls has been exhausted") {
        return End::Exhausted("host_call_bytes_max".to_owned());
    }
    // A guest that is refused memory aborts (`unreachable`), and one that asks too much at its start never instantiates.
    let gave_up =
        matches!(trap, None | Some(Trap::UnreachableCodeReached | Trap::TableOutOfBounds | Trap::MemoryOutOfBounds));
    match state.limiter.denied() {
        Some(bound) if gave_up => End::Exhausted(bound.to_owned()),
        _ => End::Trapped(text),
    }
}

/// The cause first: a deep backtrace is cut at its end. Frames without names say nothing; `fitment build` keeps the names.
fn text(error: &wasmtime::Error) -> String {
    let whole = format!("{}\n{error}", error.root_cause());
    let known: Vec<&str> = whole.lines().filter(|line| !line.contains("<unknown>")).collect();
    let text = known.join("\n");
    text[..text.floor_char_boundary(TRAP_BYTES_MAX)].to_owned()
}

/// A guest that panicked said why in its log, in one line; all that the engine sees is that it gave up, and where.
fn told(end: End, log: &[LogLine]) -> End {
    let panic = log.iter().rev().find(|line| line.message.starts_with("panicked at "));
    match (end, panic) {
        (End::Trapped(trace), Some(line)) => {
            let said: String = line.message.chars().take(SAID_CHARS_MAX).map(plain).collect();
            let text = format!("{said}\n{trace}");
            End::Trapped(text[..text.floor_char_boundary(TRAP_BYTES_MAX)].to_owned())
        }
        (end, _) => end,
    }
}

fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn unstarted(run: u64, end: End) -> RunReport {
    RunReport { run, end, usage: Default::default(), log: Vec::new(), state: None }
}

fn report(run: u64, end: End, store: &mut Store<RunState>) -> RunReport {
    let fuel_left = store.get_fuel().unwrap_or(0);
    let state = store.data_mut();
    let mut usage = std::mem::take(&mut state.usage);
    let log = std::mem::take(&mut state.log);
    usage.wall_us = u64::try_from(state.elapsed().as_micros()).unwrap_or(u64::MAX);
    usage.cpu_us = state.meter.spent_ns() / 1_000;
    // A run that was ended in the midst of computing has spent a little more: wasmtime notes fuel when a call returns.
    usage.fuel = state.budget.fuel_max.saturating_sub(fuel_left);
    usage.memory_bytes_peak = state.limiter.memory_bytes_peak();
    (usage.log_bytes, usage.log_bytes_dropped) = log.bytes();
    let end = sized(end, state.budget.result_bytes_max, &mut usage.result_bytes);
    // A run that broke down in the middle leaves nothing: what it left may be half of something.
    let left = matches!(end, End::Returned(_) | End::Fault(_)) && state.kept_changed;
    let kept = left.then(|| std::mem::take(&mut state.kept));
    let log = log.into_lines();
    RunReport { run, end: told(end, &log), usage, log, state: kept }
}

/// Counts the bytes of the result, also of one in words, as they cross to the supervisor.
fn sized(end: End, bytes_max: u64, bytes: &mut u64) -> End {
    let encoded = match &end {
        End::Returned(returned) => encoded_bytes(returned),
        End::Fault(fault) => encoded_bytes(fault),
        _ => return end,
    };
    match encoded {
        Ok(encoded) => *bytes = encoded as u64,
        Err(error) => return End::Trapped(format!("the result does not encode: {error}")),
    }
    if *bytes > bytes_max { End::Exhausted("result_bytes_max".to_owned()) } else { end }
}
