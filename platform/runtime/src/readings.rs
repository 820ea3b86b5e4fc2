//! Readings of the device in the contract's words: what the sandboxed host and the benchmark's peer both call.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fitment_device::Unreadable;
use fitment_device::cpu::{APART_MIN, EARLIER_AGE_MAX, Shares, Ticks};
use fitment_device::processes::{Observed, Process};

use crate::contract::offered::metrics::{Cpu, Filesystem, Memory, Network, Temperature, Uptime};
use crate::contract::offered::types::Fault;

/// The last reading of the processors by this process, whoever asked for it: the figures are the machine's, nobody's own.
static LAST: Mutex<Option<Reading>> = Mutex::new(None);

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    ticks: Ticks,
    /// Since the reading before it.
    shares: Option<Shares>,
}

fn last() -> MutexGuard<'static, Option<Reading>> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the processors: since the last reading of this process, and where there is none that is fresh, over a moment.
pub async fn cpu() -> Result<Cpu, Fault> {
    let earlier = (*last()).filter(|reading| reading.at.elapsed() <= EARLIER_AGE_MAX);
    let reading = match earlier {
        // Two who ask at once get the same answer: a share of a few ticks would be noise.
        Some(reading) if reading.at.elapsed() < APART_MIN && reading.shares.is_some() => reading,
        Some(earlier) if earlier.at.elapsed() >= APART_MIN => after(earlier)?,
        other => {
            let first = match other {
                Some(first) => first,
                None => Reading { at: Instant::now(), ticks: ticks()?, shares: None },
            };
            *last() = Some(first);
            tokio::time::sleep(APART_MIN).await;
            after(first)?
        }
    };
    *last() = Some(reading);
    let shares = reading.shares.ok_or_else(|| Fault::Failed("the kernel counted no time".to_owned()))?;
    let [load1, load5, load15] = fitment_device::cpu::load().map_err(unreadable)?;
    let Shares { busy, user, system, iowait } = shares;
    Ok(Cpu { busy, user, system, iowait, load1, load5, load15 })
}

fn after(earlier: Reading) -> Result<Reading, Fault> {
    let ticks = ticks()?;
    Ok(Reading { at: Instant::now(), ticks, shares: ticks.since(&earlier.ticks) })
}

fn ticks() -> Result<Ticks, Fault> {
    fitment_device::cpu::ticks().map_err(unreadable)
}

/// The processes as they were looked at last: processor time in milliseconds and share, by number and start.
static KNOWN: Mutex<Option<Processes>> = Mutex::new(None);

struct Processes {
    at: Instant,
    by_start: HashMap<(u32, u64), (u64, f64)>,
}

/// Reads the processes, each with its share of a processor since the last look of this process, and since its start where that look
/// did not show it. Two who ask at once get the same shares.
pub fn processes() -> Result<Vec<Process>, Unreadable> {
    let observed = fitment_device::processes::read()?;
    let now = Instant::now();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let before = known.take().filter(|known| now - known.at <= EARLIER_AGE_MAX);
    let apart = before.as_ref().map(|known| now - known.at);
    let fresh = apart.is_some_and(|apart| apart < APART_MIN);
    let share = |one: &Observed| {
        let earlier = before.as_ref().and_then(|known| known.by_start.get(&(one.process.pid, one.process.started_ms)));
        match (earlier, apart) {
            (Some((_, share)), _) if fresh => *share,
            (Some((cpu_ms, _)), Some(apart)) => {
                one.cpu_ms.saturating_sub(*cpu_ms) as f64 / apart.as_millis().max(1) as f64
            }
            _ => one.cpu_ms as f64 / one.age_ms.max(1) as f64,
        }
    };
    let all: Vec<(u64, Process)> = observed
        .into_iter()
        .map(|one| {
            let cpu = share(&one);
            (one.cpu_ms, Process { cpu, ..one.process })
        })
        .collect();
    let by_start = || all.iter().map(|(cpu_ms, one)| ((one.pid, one.started_ms), (*cpu_ms, one.cpu))).collect();
    *known = match before {
        Some(before) if fresh => Some(before),
        _ => Some(Processes { at: now, by_start: by_start() }),
    };
    Ok(all.into_iter().map(|(_, process)| process).collect())
}

/// Reads the network interfaces.
pub fn networks() -> Result<Vec<Network>, Fault> {
    all(fitment_device::networks::read())
}

/// Reads the temperature sensors.
pub fn temperatures() -> Result<Vec<Temperature>, Fault> {
    all(fitment_device::temperatures::read())
}

/// Reads how long the machine has been up.
pub fn uptime() -> Result<Uptime, Fault> {
    fitment_device::uptime::read().map(Uptime::from).map_err(unreadable)
}

/// Reads memory and swap.
pub fn memory() -> Result<Memory, Fault> {
    fitment_device::memory::read().map(Memory::from).map_err(unreadable)
}

/// Reads the file systems that hold data.
pub fn filesystems() -> Result<Vec<Filesystem>, Fault> {
    all(fitment_device::filesystems::read())
}

fn all<T: Into<C>, C>(read: Result<Vec<T>, Unreadable>) -> Result<Vec<C>, Fault> {
    read.map(|all| all.into_iter().map(Into::into).collect()).map_err(unreadable)
}

/// Returns a monotonic time in nanoseconds, coarsened to one millisecond so that it measures no side channel.
pub fn monotonic_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}

/// Says why in the contract's words.
pub(crate) fn unreadable(error: Unreadable) -> Fault {
    fitment_domain::run::Fault::from(error).into()
}
