//! How long to wait before the next try: exponential, with full jitter, so that a fleet does not come back all at once.

use std::time::Duration;

const BASE_MS: u64 = 1_000;
const CAP_MS: u64 = 60_000;
const FLOOR_MS: u64 = 100;
const DOUBLINGS_MAX: u32 = 10;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Forgets the failures.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns whether the last try failed.
    pub fn is_counting(&self) -> bool {
        self.failures > 0
    }

    /// Returns how long to wait after one more failure; `random` spreads it over the whole span.
    pub fn after_failure(&mut self, random: u64) -> Duration {
        let span = (BASE_MS << self.failures.min(DOUBLINGS_MAX)).min(CAP_MS);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(FLOOR_MS + random % span)
    }

    /// Returns how long to wait after a refusal that only a person can lift: the upper half of the longest span.
    pub fn after_refusal(&mut self, random: u64) -> Duration {
        self.failures = DOUBLINGS_MAX;
        Duration::from_millis(CAP_MS / 2 + random % (CAP_MS / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_doubles_up_to_the_cap_and_starts_again_after_success() {
        let mut backoff = Backoff::default();
        let longest = |backoff: &mut Backoff| backoff.after_failure(u64::MAX).as_millis();
        assert!(longest(&mut backoff) <= u128::from(BASE_MS + FLOOR_MS));
        for _ in 0..40 {
            assert!(longest(&mut backoff) <= u128::from(CAP_MS + FLOOR_MS));
        }
        backoff.reset();
        assert!(longest(&mut backoff) <= u128::from(BASE_MS + FLOOR_MS));
    }
}
