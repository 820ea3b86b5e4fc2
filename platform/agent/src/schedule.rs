//! When an item runs: on a monotonic clock, spread over the fleet, late runs made up for once, never twice at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::id::{DeviceId, InstallationId};
use fitment_domain::instruction::Item;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::door::Admitted;
use crate::runs::Runs;
use crate::stop::{self, Stop, Stopper};

const SOON_MS: u64 = 2_000;
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns a number below `modulus` that is always the same for one device and purpose, and spread over devices.
pub fn splay(device: &str, purpose: &str, modulus: u64) -> u64 {
    let digest = Sha256::new().chain_update(device).chain_update("\n").chain_update(purpose).finalize();
    let first = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    first % modulus.max(1)
}

/// When the first run is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstRun {
    /// Something new was installed: somebody waits for it.
    Soon,
    /// The agent started again: at the item's place within the interval.
    InItsPlace,
}

/// The first run and the one after it, in milliseconds from now; the others follow that one at the interval.
fn first_two(first: FirstRun, splay_of: impl Fn(u64) -> u64, interval_ms: u64) -> (u64, u64) {
    let place = splay_of(interval_ms);
    match first {
        FirstRun::InItsPlace => (place, place + interval_ms),
        FirstRun::Soon => {
            let soon = splay_of(interval_ms.min(SOON_MS));
            (soon, if place > soon { place } else { place + interval_ms })
        }
    }
}

struct Task {
    item: Item,
    stopper: Stopper,
    handle: JoinHandle<()>,
}

/// The items that run.
pub struct Schedule {
    device: DeviceId,
    runs: Arc<Runs>,
    tasks: BTreeMap<InstallationId, Task>,
    /// Told to stop, perhaps still in their last run.
    ending: BTreeMap<InstallationId, JoinHandle<()>>,
}

impl Schedule {
    /// Makes an empty schedule.
    pub fn new(device: DeviceId, runs: Arc<Runs>) -> Self {
        Self { device, runs, tasks: BTreeMap::new(), ending: BTreeMap::new() }
    }

    /// Returns whether exactly this item runs already.
    pub fn runs(&self, item: &Item) -> bool {
        self.tasks.get(&item.installation).is_some_and(|task| task.item == *item)
    }

    /// Stops every item that is not among these, or differs. A run under way comes to its end.
    pub fn keep_only(&mut self, items: &[Item]) {
        let gone: Vec<_> =
            self.tasks.iter().filter(|(_, task)| !items.contains(&task.item)).map(|(id, _)| id.clone()).collect();
        for installation in gone {
            if let Some(task) = self.tasks.remove(&installation) {
                task.stopper.stop();
                self.ending.insert(installation, task.handle);
            }
        }
        self.ending.retain(|_, handle| !handle.is_finished());
    }

    /// Forgets how an item failed: somebody changed it.
    pub fn forgive(&self, item: &Item) {
        self.runs.forgive(item);
    }

    /// Starts an item that passed the door. It begins when an earlier version of it has ended.
    pub fn start(&mut self, admitted: Admitted, first: FirstRun) {
        let item = admitted.item.clone();
        let interval_ms = item.interval_s.saturating_mul(1_000);
        let device = self.device.as_str();
        let due = first_two(first, |modulus| splay(device, item.installation.as_str(), modulus), interval_ms);
        let before = self.tasks.remove(&item.installation).map(|task| {
            task.stopper.stop();
            task.handle
        });
        let before = before.or_else(|| self.ending.remove(&item.installation));
        let (stopper, stop) = stop::channel();
        let runs = Arc::clone(&self.runs);
        let handle = tokio::spawn(async move {
            if let Some(before) = before {
                // Whatever became of it, it is over.
                let _ = before.await;
            }
            keep_running(&runs, &admitted, due, stop).await;
        });
        tracing::info!(accessory = %item.accessory, version = %item.version, installation = %item.installation, "an item runs");
        self.tasks.insert(item.installation.clone(), Task { item, stopper, handle });
    }

    /// Stops all items and waits a little for the runs under way.
    pub async fn stop(mut self) {
        self.keep_only(&[]);
        let deadline = Instant::now() + STOP_TIMEOUT;
        for handle in std::mem::take(&mut self.ending).into_values() {
            let abort = handle.abort_handle();
            if tokio::time::timeout_at(deadline, handle).await.is_err() {
                abort.abort();
            }
        }
    }
}

async fn keep_running(runs: &Runs, admitted: &Admitted, (first_ms, second_ms): (u64, u64), mut stop: Stop) {
    let begin = Instant::now();
    let first_at = begin + Duration::from_millis(first_ms);
    // What is fetched for it holds up nobody else.
    if stop.or(runs.prepare(admitted)).await.is_none() || stop.or(tokio::time::sleep_until(first_at)).await.is_none() {
        return;
    }
    runs.once(admitted).await;
    let period = Duration::from_secs(admitted.item.interval_s);
    let mut ticks = tokio::time::interval_at(begin + Duration::from_millis(second_ms), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while stop.or(ticks.tick()).await.is_some() {
        runs.once(admitted).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_item_runs_within_two_seconds_and_then_in_its_place() {
        for purpose in 0..500_u32 {
            let splay_of = |modulus| splay("dev_1", &purpose.to_string(), modulus);
            for interval_ms in [1_000, 60_000, 86_400_000] {
                let (first, second) = first_two(FirstRun::Soon, splay_of, interval_ms);
                assert!(first < interval_ms.min(SOON_MS));
                assert!(first < second && second <= first + 2 * interval_ms);
                assert_eq!(second % interval_ms, splay_of(interval_ms));
            }
        }
    }

    #[test]
    fn a_restarted_agent_keeps_every_item_in_its_place() {
        let splay_of = |modulus| splay("dev_1", "ins_1", modulus);
        let (first, second) = first_two(FirstRun::InItsPlace, splay_of, 60_000);
        assert!(first < 60_000);
        assert_eq!(second - first, 60_000);
    }
}
