//! Who may run now: a few at a time, nobody who rests or is quarantined, and who may have lost the runner alone.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fitment_domain::bytes::Digest;
use fitment_domain::crash::{self, BACKING_OFF, Ending, LOSSES_MAX, Losses, QUARANTINED, STOPS_MAX, Stops, Verdict};
use fitment_domain::id::InstallationId;
use fitment_domain::instruction::Item;
use fitment_domain::run::{End, RunReport};
use fitment_domain::time::UnixMs;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{clock, files};

const AT_A_TIME_MAX: u32 = 4;
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
    path: PathBuf,
    kept: Mutex<Kept>,
    gate: Semaphore,
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
    pub fn open(path: PathBuf) -> Self {
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
        Self { path, kept: Mutex::new(kept), gate: Semaphore::new(AT_A_TIME_MAX as usize) }
    }

    fn verdict(&self, item: &Item, now: UnixMs) -> Verdict {
        let kept = self.lock();
        let none = (Stops::default(), Losses::default());
        let stops = kept.stops.get(&item.installation).unwrap_or(&none.0);
        crash::verdict(stops, kept.losses.get(&item.digest).unwrap_or(&none.1), now)
    }

    /// Waits until a run may begin, or says why it is left out.
    pub async fn enter(&self, item: &Item) -> Result<Place<'_>, LeftOut> {
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

    /// Takes the end of a run into account, before the next one is let in.
    pub fn left(&self, item: &Item, place: Place<'_>, report: &RunReport) {
        let Some(ending) = ending(report) else { return };
        let mut kept = self.lock();
        let known = kept.stops.contains_key(&item.installation);
        if ending == Ending::Ended && !known {
            return;
        }
        let now = clock::now();
        let stops = kept.stops.remove(&item.installation).unwrap_or_default().after(ending, now);
        if stops != Stops::default() {
            kept.stops.insert(item.installation.clone(), stops);
        }
        let losses = kept.losses.remove(&item.digest).unwrap_or_default().after(ending, place.alone, now);
        kept.losses.insert(item.digest.clone(), losses);
        self.write(&mut kept, now);
    }

    /// Forgets how an installation was stopped: somebody changed it.
    pub fn forgive(&self, installation: &InstallationId) {
        let mut kept = self.lock();
        if kept.stops.remove(installation).is_some() {
            self.write(&mut kept, clock::now());
        }
    }

    fn write(&self, kept: &mut Kept, now: UnixMs) {
        kept.losses.retain(|_, losses| !losses.is_over(now));
        while kept.stops.len() > REMEMBERED_MAX {
            kept.stops.pop_first();
        }
        while kept.losses.len() > REMEMBERED_MAX {
            kept.losses.pop_first();
        }
        if let Err(error) = files::write_durable(&self.path, &serde_json::to_vec(kept).unwrap_or_default()) {
            tracing::warn!(%error, "who fails is remembered in memory only");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what a run's end says about its accessory; nothing where it never began.
fn ending(report: &RunReport) -> Option<Ending> {
    match &report.end {
        End::Trapped(_) | End::Exhausted(_) => Some(Ending::Stopped),
        End::RunnerLost(_) => (report.run != 0).then_some(Ending::RunnerLost),
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
        "this release ended the sandbox's runner {LOSSES_MAX} times within an hour on this device: it is not run here for {wait} more; take another version"
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
