//! Whether the kernel killed somebody for want of memory lately.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a count is taken for the present one.
const FRESH: Duration = Duration::from_secs(10);

/// The kernel's count of its kills, as it was a while ago.
pub(super) struct Shortage {
    count: fn() -> Option<u64>,
    seen: Mutex<Seen>,
}

struct Seen {
    /// The count before the last one that was taken: the last may have been taken between a kill and the news of it.
    before: Option<u64>,
    last: Option<u64>,
    at: Instant,
}

impl Shortage {
    /// Takes a first count.
    pub(super) fn new(count: fn() -> Option<u64>) -> Self {
        let first = count();
        Self { count, seen: Mutex::new(Seen { before: first, last: first, at: Instant::now() }) }
    }

    /// Takes a count, unless there is a fresh one. Called before a run begins.
    pub(super) fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.at.elapsed() >= FRESH {
            *seen = Seen { before: seen.last, last: (self.count)(), at: Instant::now() };
        }
    }

    /// Returns whether the kernel has killed for want of memory since the count before the last.
    pub(super) fn has_grown(&self) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        matches!((seen.before, (self.count)()), (Some(before), Some(now)) if now > before)
    }
}
