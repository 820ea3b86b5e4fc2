//! Who may run now: a few at a time, nobody who rests or is quarantined, and who may have lost the runner alone.

mod shortage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fitment_device::memory;
use fitment_domain::bytes::Digest;
use fitment_domain::crash::{self, BACKING_OFF, Ending, Losses, QUARANTINED, STOPS_MAX, Stops, Verdict};
use fitment_domain::id::InstallationId;
use fitment_domain::instruction::Item;
use fitment_domain::run::{End, RunReport};
use fitment_domain::time::UnixMs;
use fitment_runner_client::{KILLED, WITHDRAWN};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;

use self::shortage::Shortage;
use crate::stop::Stop;
use crate::{clock, files};

const AT_A_TIME_MAX: u32 = 8;
/// The runner may hear of a stop so much earlier than the agent.
const STOP_LAG_MAX: Duration = Duration::from_secs(1);
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Installations and releases that are remembered; there are never so many on one device that fail.
const REMEMBERED_MAX: usize = 300;

/// What is remembered across restarts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    stops: BTreeMap<InstallationId, Stops>,
    losses: BTreeMap<Digest, Losses>,
}

/// Lets runs in, and remembers how they ended.
pub struct Guard {
    failures: Arc<Failures>,
    gate: Semaphore,
    shortage: Shortage,
    /// Said when the agent is told to stop.
    stop: Stop,
}

/// What is remembered, and where.
struct Failures {
    path: PathBuf,
    kept: Mutex<Kept>,
    /// Held while the file is written: whoever comes last writes what is newest.
    disk: Mutex<()>,
}

/// A run that was let in. It is over when this is dropped.
pub struct Place<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    alone: bool,
}

/// Why a run is left out: the kind and the words of its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub kind: &'static str,
    pub message: String,
}

impl Guard {
    /// Reads what an earlier life of the agent remembered. What does not read is set aside: everybody begins anew.
    pub fn open(path: PathBuf, stop: Stop) -> Self {
        let bytes = match files::read_bounded(&path, FILE_BYTES_MAX) {
            Err(e) if e.is_missing() => None,
            read => Some(read.map_err(|e| e.to_string())),
        };
        let read = bytes.map(|bytes| bytes.and_then(|b| serde_json::from_slice(&b).map_err(|e| e.to_string())));
        let kept = read.unwrap_or_else(|| Ok(Kept::default())).unwrap_or_else(|reason| {
            tracing::warn!(reason, "what was remembered of failures does not read: everything is tried again");
            if let Err(error) = files::set_aside(&path) {
                tracing::warn!(%error, "it stays where it is");
            }
            Kept::default()
        });
        let failures = Arc::new(Failures { path, kept: Mutex::new(kept), disk: Mutex::new(()) });
        Self { failures, gate: Semaphore::new(AT_A_TIME_MAX as usize), shortage: Shortage::new(memory::kills), stop }
    }

    fn verdict(&self, item: &Item, now: UnixMs) -> Verdict {
        let kept = self.lock();
        let none = (Stops::default(), Losses::default());
        let stops = kept.stops.get(&item.installation).unwrap_or(&none.0);
        crash::verdict(stops, kept.losses.get(&item.digest).unwrap_or(&none.1), now)
    }

    /// Waits until a run may begin, or says why it is left out.
    pub async fn enter(&self, item: &Item) -> Result<Place<'_>, LeftOut> {
        self.shortage.look();
        loop {
            let now = clock::now();
            let verdict = self.verdict(item, now);
            let places = match verdict {
                Verdict::Run => 1,
                Verdict::RunAlone => AT_A_TIME_MAX,
                Verdict::Rest { until } => return Err(resting(until, now)),
                Verdict::Quarantined { until } => return Err(quarantined(until, now)),
            };
            // The gate is never closed; without it the run would only be one more at a time.
            let permit = self.gate.acquire_many(places).await.ok();
            // Meanwhile somebody else's run may have changed it.
            if self.verdict(item, clock::now()) == verdict {
                return Ok(Place { _permit: permit, alone: verdict == Verdict::RunAlone });
            }
        }
    }

    /// Takes the end of a run into account, before the next one is let in; it is on disk when this returns.
    pub async fn left(&self, item: &Item, place: Place<'_>, report: &RunReport) {
        let Some(ending) = ending(report, || self.shortage.has_grown()) else { return };
        // Who stops the agent may stop the runner with it, and a moment earlier (systemd's KillMode=control-group). The signal that ended
        // the runner is no proof of that: whoever breaks the runner may send it any.
        if ending == Ending::RunnerLost && self.stop.clone().sleep(STOP_LAG_MAX).await {
            return;
        }
        if self.remember(item, ending, place.alone) {
            drop(place);
            // Only a runtime that shuts down ends it early.
            let _ = self.write().await;
        }
    }

    /// Notes the end of a run, and returns whether there was anything to note.
    fn remember(&self, item: &Item, ending: Ending, alone: bool) -> bool {
        let mut kept = self.lock();
        let known = kept.stops.contains_key(&item.installation);
        if ending == Ending::Ended && !known {
            return false;
        }
        let now = clock::now();
        let stops = kept.stops.remove(&item.installation).unwrap_or_default().after(ending, alone, now);
        if stops != Stops::default() {
            kept.stops.insert(item.installation.clone(), stops);
        }
        let losses = kept.losses.remove(&item.digest).unwrap_or_default().after(ending, alone, now);
        if ending == Ending::RunnerLost && losses.is_quarantined(now) {
            // Now it is known who it was: whoever was lost with it is no suspect any more.
            for other in kept.losses.values_mut() {
                *other = std::mem::take(other).cleared_of(&losses);
            }
        }
        kept.losses.insert(item.digest.clone(), losses);
        kept.forget_what_is_over(now);
        true
    }

    /// Forgets how an installation was stopped, and lifts a quarantine of what it runs: somebody changed it.
    pub fn forgive(&self, item: &Item) {
        let mut kept = self.lock();
        let was_stopped = kept.stops.remove(&item.installation).is_some();
        let lifted = kept.losses.get_mut(&item.digest).filter(|losses| losses.is_quarantined(clock::now()));
        let was_quarantined = lifted.map(|losses| *losses = std::mem::take(losses).lifted()).is_some();
        drop(kept);
        if was_stopped || was_quarantined {
            // Nothing waits for it: without it the next start remembers what was forgiven.
            drop(self.write());
        }
    }

    /// Writes what is remembered, off the event loop.
    fn write(&self) -> JoinHandle<()> {
        let failures = Arc::clone(&self.failures);
        tokio::task::spawn_blocking(move || failures.write())
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.failures.lock()
    }
}

impl Failures {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) {
        let _turn = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = serde_json::to_vec(&*self.lock()).unwrap_or_default();
        if let Err(error) = files::write_durable(&self.path, &bytes) {
            tracing::warn!(%error, "who fails is remembered in memory only");
        }
    }
}

impl Kept {
    fn forget_what_is_over(&mut self, now: UnixMs) {
        self.losses.retain(|_, losses| !losses.is_over(now));
        while self.stops.len() > REMEMBERED_MAX {
            self.stops.pop_first();
        }
        while self.losses.len() > REMEMBERED_MAX {
            self.losses.pop_first();
        }
    }
}

/// Returns what a run's end says about its accessory; nothing where it never began.
fn ending(report: &RunReport, memory_was_short: impl FnOnce() -> bool) -> Option<Ending> {
    match &report.end {
        End::Trapped(_) | End::Exhausted(_) => Some(Ending::Stopped),
        End::RunnerLost(_) if report.run == 0 => None,
        // This agent ended the runner itself.
        End::RunnerLost(reason) if reason == WITHDRAWN => None,
        // Whoever breaks the runner may end it in any way, but makes the kernel count no kill for want of memory without wanting it.
        End::RunnerLost(reason) if reason.starts_with(KILLED) && memory_was_short() => Some(Ending::RunnerStarved),
        End::RunnerLost(_) => Some(Ending::RunnerLost),
        End::Returned(_) | End::Fault(_) | End::Refused(_) => Some(Ending::Ended),
    }
}

fn resting(until: UnixMs, now: UnixMs) -> LeftOut {
    let wait = minutes(until, now);
    let message = format!(
        "it trapped or reached a bound of its budget {STOPS_MAX} times within 10 minutes, or again after a rest: it rests for {wait} more; look at how its last run ended, change its configuration or take another version"
    );
    LeftOut { kind: BACKING_OFF, message }
}

fn quarantined(until: UnixMs, now: UnixMs) -> LeftOut {
    let wait = minutes(until, now);
    let message = format!(
        "this release ended the sandbox's runner on this device, again and while nothing else ran: it is not run here for {wait} more; take another version, or change the installation to have it tried again"
    );
    LeftOut { kind: QUARANTINED, message }
}

fn minutes(until: UnixMs, now: UnixMs) -> String {
    match until.since_ms(now).div_ceil(60_000) {
        1 => "1 minute".to_owned(),
        minutes @ 2..=120 => format!("{minutes} minutes"),
        minutes => format!("{} hours", minutes.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use fitment_domain::budget::Budget;
    use fitment_domain::run::Fault;

    use super::*;
    use crate::stop;

    fn report(end: End) -> RunReport {
        RunReport { run: 1, end, usage: Default::default(), log: Vec::new(), state: None }
    }

    #[test]
    fn a_runner_that_the_kernel_killed_for_want_of_memory_is_nobodys_fault() {
        static KILLS: AtomicU64 = AtomicU64::new(7);
        let shortage = Shortage::new(|| Some(KILLS.load(Ordering::SeqCst)));
        let of = |reason: &str| ending(&report(End::RunnerLost(reason.to_owned())), || shortage.has_grown());
        let killed = format!("{KILLED} (its output ended)");
        assert_eq!(of(&killed), Some(Ending::RunnerLost), "somebody else killed it");
        KILLS.store(8, Ordering::SeqCst);
        // A count that was taken in between hides nothing.
        shortage.look();
        assert_eq!(of(&killed), Some(Ending::RunnerStarved));
        assert_eq!(of("it crashed (SIGSEGV)"), Some(Ending::RunnerLost));
        assert_eq!(ending(&report(End::Fault(Fault::TimedOut)), || true), Some(Ending::Ended));
        assert_eq!(of(WITHDRAWN), None, "the agent ended it: nobody is charged with it, alone or in company");
        // What never began was nobody's.
        let unstarted = RunReport { run: 0, ..report(End::RunnerLost(killed)) };
        assert_eq!(ending(&unstarted, || false), None);
    }

    fn item() -> Item {
        let statement = serde_json::json!({ "payloadType": "x", "payload": "", "signatures": [] });
        let item = serde_json::json!({
            "installation": InstallationId::from_random([1; 16]), "accessory": "acme/disk", "version": "1.0.0",
            "digest": Digest::of(b"component"), "statement": statement, "config": {}, "interval_s": 60, "grants": {},
            "publisher_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "budget": Budget::default_for_accessories(),
        });
        serde_json::from_value(item).unwrap()
    }

    #[tokio::test]
    async fn a_runner_that_ends_as_the_agent_is_stopped_is_nobodys_fault() {
        let lost = report(End::RunnerLost("it was ended by signal 15".to_owned()));
        // The runner hears of the stop before the agent does, or after it.
        for (stops_after_ms, verdict) in [(None, Verdict::RunAlone), (Some(0), Verdict::Run), (Some(200), Verdict::Run)]
        {
            let path = std::env::temp_dir().join(format!("fitment-stop-{}-{stops_after_ms:?}", std::process::id()));
            let (stopper, stop) = stop::channel();
            let guard = Guard::open(path.clone(), stop);
            let place = guard.enter(&item()).await.unwrap();
            let told = async {
                let Some(ms) = stops_after_ms else { return };
                tokio::time::sleep(Duration::from_millis(ms)).await;
                stopper.stop();
            };
            let item = item();
            tokio::join!(guard.left(&item, place, &lost), told);
            assert_eq!(guard.verdict(&item, clock::now()), verdict, "{stops_after_ms:?}");
            assert_eq!(
                path.exists(),
                verdict == Verdict::RunAlone,
                "{stops_after_ms:?}: it would be so after a restart too"
            );
            let _ = std::fs::remove_file(path);
        }
    }
}
