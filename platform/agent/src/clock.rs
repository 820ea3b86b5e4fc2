//! The one place that reads the wall clock. Everything else takes the time as an argument.

use std::time::{SystemTime, UNIX_EPOCH};

use fitment_domain::time::UnixMs;

/// Returns the time by this machine's clock.
pub fn now() -> UnixMs {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    UnixMs(i64::try_from(since).unwrap_or(i64::MAX))
}
