//! What every handler and every job can reach.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use fitment_domain::id::DeviceId;
use fitment_domain::instruction::SetTime;
use fitment_domain::matching::{CONTRACT_VERSION, Platform};
use fitment_domain::time::UnixMs;
use fitment_runner_client::Sandbox;
use fitment_store::Store;
use semver::Version;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::{Attempts, PasswordChecks};
use crate::authority::Authorities;
use crate::clock::Clock;
use crate::connector::Connectors;
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::orders::Orders;

/// The server's parts.
pub struct App {
    pub store: Store,
    pub sandbox: Sandbox,
    pub keys: Keys,
    pub authorities: Authorities,
    pub clock: Arc<dyn Clock>,
    pub platform: Platform,
    /// `https://host:port` of the agents' listener, as agents reach it.
    pub agents_url: String,
    pub set_times: SetTimes,
    pub orders: Orders,
    pub connectors: Connectors,
    pub password_checks: PasswordChecks,
    pub metrics: Arc<Metrics>,
    pub attempts: Attempts,
    /// Wakes the worker when a job was enqueued.
    pub wake: Notify,
    /// Cancelled when the server is to stop: whoever waits for something to say says what there is.
    pub stop: CancellationToken,
}

/// The state that handlers get.
pub type Shared = Arc<App>;

impl App {
    /// Returns the time now.
    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Returns what this platform is, for requirements on it.
    pub fn this_platform() -> Platform {
        // The crate's own version always parses; a version that did not would fit nothing.
        let product = Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(0, 0, 0));
        Platform { product, contract: CONTRACT_VERSION }
    }
}

/// "Is T current?" answered from memory; the database rebuilds it at start.
pub struct SetTimes {
    times: Mutex<HashMap<DeviceId, SetTime>>,
    changes: watch::Sender<u64>,
}

impl SetTimes {
    /// Makes the memory from what the database holds.
    pub fn new(times: impl IntoIterator<Item = (DeviceId, SetTime)>) -> Self {
        Self { times: Mutex::new(times.into_iter().collect()), changes: watch::Sender::new(0) }
    }

    /// Returns the time of a device's set.
    pub fn get(&self, device: &DeviceId) -> Option<SetTime> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).get(device).copied()
    }

    /// Notes a new set, and wakes the polls that wait.
    pub fn set(&self, device: DeviceId, time: SetTime) {
        self.times.lock().unwrap_or_else(PoisonError::into_inner).insert(device, time);
        self.changes.send_modify(|generation| *generation += 1);
    }

    /// Returns a receiver that wakes at each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
