//! Waiting with a deadline, saying what was seen last.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::progress::Reporter;

/// How long a step may take to happen.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks again and again until `look` has what is awaited; until then it says what it sees instead.
pub(crate) fn wait<T>(
    reporter: &mut Reporter,
    what: &str,
    timeout: Duration,
    mut look: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let deadline = Instant::now() + timeout;
    loop {
        match look()? {
            Ok(there) => return Ok(there),
            Err(seen) if Instant::now() > deadline => {
                bail!("{what} did not come within {} s; seen last: {seen}", timeout.as_secs())
            }
            Err(seen) => reporter.says(&seen),
        }
        sleep(LOOK_EVERY);
    }
}
