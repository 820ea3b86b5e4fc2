//! What waits for which device, answered from memory; the database rebuilds it at start. And who watches what becomes of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fitment_domain::id::{AccountId, DeviceId, RequestId, TransactionId};
use fitment_domain::protocol::{PROGRESS_MS_MIN, TRANSACTIONS_MAX};
use fitment_domain::time::UnixMs;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};

/// Event streams that are open at once, of everybody and of one account.
const STREAMS_MAX: usize = 256;
const STREAMS_OF_ONE_MAX: usize = 16;
/// Changes that a slow stream may miss before it reads everything again.
const CHANGES_KEPT: usize = 1_024;

/// A place for one event stream among all, and among those of its account; free again when it is dropped.
pub type Place = [OwnedSemaphorePermit; 2];

type Open = Vec<(TransactionId, UnixMs)>;

/// The orders that no device has started, and the changes of all.
pub struct Orders {
    open: Mutex<HashMap<DeviceId, Open>>,
    told: Mutex<HashMap<TransactionId, UnixMs>>,
    arrivals: watch::Sender<u64>,
    changes: broadcast::Sender<RequestId>,
    streams: Arc<Semaphore>,
    streams_of: Mutex<HashMap<AccountId, Arc<Semaphore>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Orders {
    /// Makes the memory from what the database holds: device, transaction, deadline.
    pub fn new(open: impl IntoIterator<Item = (DeviceId, TransactionId, UnixMs)>) -> Self {
        let mut by_device: HashMap<DeviceId, Open> = HashMap::new();
        for (device, transaction, deliver_by) in open {
            by_device.entry(device).or_default().push((transaction, deliver_by));
        }
        Self {
            open: Mutex::new(by_device),
            told: Mutex::new(HashMap::new()),
            arrivals: watch::Sender::new(0),
            changes: broadcast::Sender::new(CHANGES_KEPT),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            streams_of: Mutex::new(HashMap::new()),
        }
    }

    /// Returns what waits for a device, oldest first, at most so many as one answer names.
    pub fn of(&self, device: &DeviceId, now: UnixMs) -> Vec<TransactionId> {
        let mut all = locked(&self.open);
        let Some(open) = all.get_mut(device) else { return Vec::new() };
        open.retain(|(_, deliver_by)| *deliver_by >= now);
        let first: Vec<_> = open.iter().take(TRANSACTIONS_MAX).map(|(id, _)| id.clone()).collect();
        if open.is_empty() {
            all.remove(device);
        }
        first
    }

    /// Notes new orders, after their commit, and wakes the polls that wait.
    pub fn add(&self, orders: impl IntoIterator<Item = (DeviceId, TransactionId)>, deliver_by: UnixMs) {
        let mut all = locked(&self.open);
        for (device, transaction) in orders {
            all.entry(device).or_default().push((transaction, deliver_by));
        }
        drop(all);
        self.arrivals.send_modify(|generation| *generation += 1);
    }

    /// Forgets an order that needs no offer any more.
    pub fn remove(&self, device: &DeviceId, transaction: &TransactionId) {
        let mut all = locked(&self.open);
        if let Some(open) = all.get_mut(device) {
            open.retain(|(id, _)| id != transaction);
            if open.is_empty() {
                all.remove(device);
            }
        }
        drop(all);
        locked(&self.told).remove(transaction);
    }

    /// Returns whether a run may tell its progress now, or told it a moment ago.
    pub fn may_tell(&self, transaction: &TransactionId, now: UnixMs) -> bool {
        let mut told = locked(&self.told);
        let last = told.get(transaction);
        if last.is_some_and(|last| now.since_ms(*last) < PROGRESS_MS_MIN) {
            return false;
        }
        told.insert(transaction.clone(), now);
        true
    }

    /// Returns a receiver that wakes when orders were added.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Says, after its commit, that something about a request changed.
    pub fn changed(&self, request: &RequestId) {
        // Nobody may be watching.
        let _ = self.changes.send(request.clone());
    }

    /// Returns a receiver of the requests that change.
    pub fn changes(&self) -> broadcast::Receiver<RequestId> {
        self.changes.subscribe()
    }

    /// Takes a place for one event stream; none if all are taken, or all that one account may have.
    pub fn stream(&self, account: &AccountId) -> Option<Place> {
        let mut each = locked(&self.streams_of);
        each.retain(|_, places| places.available_permits() < STREAMS_OF_ONE_MAX);
        let own = each.entry(account.clone()).or_insert_with(|| Arc::new(Semaphore::new(STREAMS_OF_ONE_MAX)));
        Some([Arc::clone(own).try_acquire_owned().ok()?, Arc::clone(&self.streams).try_acquire_owned().ok()?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> TransactionId {
        TransactionId::from_random([n; 16])
    }

    #[test]
    fn what_waits_is_told_in_order_until_its_deadline_or_its_end() {
        let (one, two) = (DeviceId::from_random([1; 16]), DeviceId::from_random([2; 16]));
        let orders = Orders::new([(one.clone(), id(1), UnixMs(10))]);
        orders.add([(one.clone(), id(2)), (two.clone(), id(3))], UnixMs(20));
        assert_eq!(orders.of(&one, UnixMs(10)), [id(1), id(2)]);
        assert_eq!(orders.of(&one, UnixMs(11)), [id(2)]);
        assert_eq!(orders.of(&two, UnixMs(11)), [id(3)]);
        orders.remove(&one, &id(2));
        assert!(orders.of(&one, UnixMs(11)).is_empty());
        assert!(orders.of(&two, UnixMs(21)).is_empty());
    }

    #[test]
    fn progress_is_told_so_often_and_no_more() {
        let orders = Orders::new([]);
        assert!(orders.may_tell(&id(1), UnixMs(0)));
        assert!(!orders.may_tell(&id(1), UnixMs(199)));
        assert!(orders.may_tell(&id(2), UnixMs(199)));
        assert!(orders.may_tell(&id(1), UnixMs(200)));
    }

    #[test]
    fn no_more_streams_are_open_than_there_are_places() {
        let orders = Orders::new([]);
        let one_of = |n: usize| AccountId::from_random((n as u128).to_be_bytes());
        let taken: Vec<_> = (0..STREAMS_MAX).filter_map(|n| orders.stream(&one_of(n))).collect();
        assert_eq!(taken.len(), STREAMS_MAX);
        assert!(orders.stream(&one_of(STREAMS_MAX)).is_none());
        drop(taken);
        assert!(orders.stream(&one_of(STREAMS_MAX)).is_some());
    }

    #[test]
    fn one_account_does_not_take_every_place() {
        let orders = Orders::new([]);
        let (one, other) = (AccountId::from_random([1; 16]), AccountId::from_random([2; 16]));
        let mut places: Vec<Place> = (0..STREAMS_OF_ONE_MAX).filter_map(|_| orders.stream(&one)).collect();
        assert_eq!(places.len(), STREAMS_OF_ONE_MAX);
        assert!(orders.stream(&one).is_none() && orders.stream(&other).is_some());
        places.pop();
        assert!(orders.stream(&one).is_some(), "a place is free again");
    }
}
