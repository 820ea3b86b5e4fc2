//! Time as a value: this crate reads no clock.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct UnixMs(pub i64);

impl UnixMs {
    /// Returns this time and so many milliseconds.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Returns the milliseconds since an earlier time; 0 if it is not earlier.
    pub fn since_ms(self, earlier: UnixMs) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl std::fmt::Display for UnixMs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One second, in milliseconds.
pub const SECOND_MS: u64 = 1_000;
/// One hour, in milliseconds.
pub const HOUR_MS: u64 = 3_600 * SECOND_MS;
/// One day, in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;
