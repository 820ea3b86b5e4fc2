//! How often somebody may try to sign in with one address: a few times at once, then slowly. In memory, and bounded.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fitment_domain::time::{SECOND_MS, UnixMs};

/// Wrong tries in a row that are judged at once.
const AT_ONCE: u64 = 10;
/// After those, one more each.
const ONE_MORE_AFTER_MS: u64 = 30 * SECOND_MS;
/// Addresses that are remembered. One that nobody tried for a while is forgotten first.
const ADDRESSES_MAX: usize = 10_000;

/// Tries by address, whether anybody has it or not.
#[derive(Debug, Default)]
pub struct Attempts {
    /// When every try that was made will have been made up for.
    settled: Mutex<HashMap<String, UnixMs>>,
}

impl Attempts {
    /// Counts a try. Returns after how many seconds to come again where it is one too many; that one is not counted.
    pub fn begin(&self, address: &str, now: UnixMs) -> Result<(), u64> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let from = settled.get(address).copied().unwrap_or(now).max(now);
        let next = from.plus_ms(ONE_MORE_AFTER_MS);
        let waits_ms = next.since_ms(now).saturating_sub(AT_ONCE * ONE_MORE_AFTER_MS);
        if waits_ms > 0 {
            return Err(waits_ms.div_ceil(SECOND_MS));
        }
        if settled.len() >= ADDRESSES_MAX && !settled.contains_key(address) {
            forget(&mut settled, now);
        }
        settled.insert(address.to_owned(), next);
        Ok(())
    }

    /// Forgets the tries of an address whose owner has signed in.
    pub fn succeeded(&self, address: &str) {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).remove(address);
    }
}

/// Makes room: first what is settled, and if that is nothing, what will be settled soonest.
fn forget(settled: &mut HashMap<String, UnixMs>, now: UnixMs) {
    settled.retain(|_, at| *at > now);
    if settled.len() < ADDRESSES_MAX {
        return;
    }
    let soonest = settled.iter().min_by_key(|(_, at)| **at).map(|(address, _)| address.clone());
    if let Some(address) = soonest {
        settled.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_000_000);

    #[test]
    fn ten_tries_at_once_and_then_one_each_half_minute() {
        let attempts = Attempts::default();
        for number in 0..10 {
            assert_eq!(attempts.begin("a@example.com", NOW), Ok(()), "{number}");
        }
        assert_eq!(attempts.begin("a@example.com", NOW), Err(30));
        assert_eq!(attempts.begin("a@example.com", NOW.plus_ms(29_000)), Err(1), "a refused try is not counted");
        assert_eq!(attempts.begin("a@example.com", NOW.plus_ms(30_000)), Ok(()));
        assert_eq!(attempts.begin("a@example.com", NOW.plus_ms(30_000)), Err(30));
        assert_eq!(attempts.begin("b@example.com", NOW), Ok(()), "another address is another matter");
        attempts.succeeded("a@example.com");
        assert_eq!(attempts.begin("a@example.com", NOW), Ok(()));
    }

    #[test]
    fn no_more_addresses_are_remembered_than_there_is_room_for() {
        let attempts = Attempts::default();
        for number in 0..AT_ONCE {
            assert_eq!(attempts.begin("tried", NOW), Ok(()), "{number}");
        }
        for number in 0..ADDRESSES_MAX + 50 {
            assert_eq!(attempts.begin(&number.to_string(), NOW), Ok(()));
        }
        assert_eq!(attempts.settled.lock().unwrap_or_else(PoisonError::into_inner).len(), ADDRESSES_MAX);
        assert!(attempts.begin("tried", NOW).is_err(), "whoever tried often is not pushed out by others");
    }
}
