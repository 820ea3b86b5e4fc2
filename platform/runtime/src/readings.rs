//! Readings of the device in the contract's words: what the sandboxed host and the benchmark's peer both call.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fitment_device::Unreadable;
use fitment_device::cpu::{APART_MIN, EARLIER_AGE_MAX, Shares, Ticks};

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

/// Reads the network interfaces.
pub fn networks() -> Result<Vec<Network>, Fault> {
    let networks = fitment_device::networks::read().map_err(unreadable)?;
    let converted = networks.into_iter().map(|network| Network {
        name: network.name,
        rx_bytes: network.rx_bytes,
        tx_bytes: network.tx_bytes,
        rx_errors: network.rx_errors,
        tx_errors: network.tx_errors,
        up: network.up,
    });
    Ok(converted.collect())
}

/// Reads the temperature sensors.
pub fn temperatures() -> Result<Vec<Temperature>, Fault> {
    let temperatures = fitment_device::temperatures::read().map_err(unreadable)?;
    let converted = temperatures.into_iter().map(|temperature| Temperature {
        sensor: temperature.sensor,
        celsius: temperature.celsius,
        critical: temperature.critical_celsius,
    });
    Ok(converted.collect())
}

/// Reads how long the machine has been up.
pub fn uptime() -> Result<Uptime, Fault> {
    let uptime = fitment_device::uptime::read().map_err(unreadable)?;
    Ok(Uptime { seconds: uptime.seconds, boot_ms: uptime.boot_ms })
}

/// Reads memory and swap.
pub fn memory() -> Result<Memory, Fault> {
    let memory = fitment_device::memory::read().map_err(unreadable)?;
    Ok(Memory {
        total: memory.total_bytes,
        available: memory.available_bytes,
        swap_total: memory.swap_total_bytes,
        swap_used: memory.swap_used_bytes,
    })
}

/// Reads the file systems that hold data.
pub fn filesystems() -> Result<Vec<Filesystem>, Fault> {
    let filesystems = fitment_device::filesystems::read().map_err(unreadable)?;
    let converted = filesystems.into_iter().map(|f| Filesystem {
        mount: f.mount,
        device: f.device,
        fstype: f.fstype,
        total: f.total_bytes,
        free: f.free_bytes,
        available: f.available_bytes,
        inodes_total: f.inodes_total,
        inodes_free: f.inodes_free,
        read_only: f.read_only,
    });
    Ok(converted.collect())
}

/// Returns a monotonic time in nanoseconds, coarsened to one millisecond so that it measures no side channel.
pub fn monotonic_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_mul(1_000_000)
}

/// Says why in the contract's words.
pub(crate) fn unreadable(error: Unreadable) -> Fault {
    use fitment_domain::run::Fault as Said;
    match Said::from(error) {
        Said::Denied(text) => Fault::Denied(text),
        Said::NotFound(text) => Fault::NotFound(text),
        Said::Invalid(text) => Fault::Invalid(text),
        Said::Unsupported(text) => Fault::Unsupported(text),
        Said::TimedOut => Fault::TimedOut,
        Said::Exhausted(text) => Fault::Exhausted(text),
        Said::Failed(text) => Fault::Failed(text),
    }
}
