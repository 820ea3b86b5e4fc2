//! The clock of this machine, and times as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

use fitment_domain::time::UnixMs;

use crate::failure::Failure;

/// Returns the time now.
pub fn now() -> UnixMs {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    UnixMs(i64::try_from(since).unwrap_or(i64::MAX))
}

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Renders a time by its distance from now: `5m ago`, `in 3d`.
pub fn distance(at: UnixMs, now: UnixMs) -> String {
    let (ahead_s, past_s) = (at.since_ms(now) / 1_000, now.since_ms(at) / 1_000);
    if ahead_s > 0 { format!("in {}", span(ahead_s)) } else { format!("{} ago", span(past_s)) }
}

/// Renders seconds in the largest unit that fits, rounded.
pub fn span(seconds: u64) -> String {
    let (unit, size) = UNITS.into_iter().find(|(_, size)| seconds >= *size).unwrap_or(("s", 1));
    format!("{}{unit}", (seconds + size / 2) / size)
}

/// Reads a duration such as `30s`, `5m`, `72h` or `3d` as seconds.
pub fn parse_duration_s(text: &str) -> Result<u64, Failure> {
    let bad = || {
        Failure::environment(format!("{text:?} is no duration: write a number and a unit, such as 30s, 5m, 72h or 3d"))
    };
    let (digits, size) =
        UNITS.into_iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, size))).ok_or_else(bad)?;
    let number: u64 = digits.parse().map_err(|_| bad())?;
    number.checked_mul(size).filter(|seconds| *seconds > 0).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_seconds() {
        assert_eq!(parse_duration_s("30s").ok(), Some(30));
        assert_eq!(parse_duration_s("72h").ok(), Some(259_200));
        for bad in ["", "s", "30", "-1s", "0s", "1.5h", "30ss", "99999999999999999999d"] {
            assert!(parse_duration_s(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_said_by_their_distance() {
        let now = UnixMs(1_000_000_000);
        assert_eq!(distance(now, now), "0s ago");
        assert_eq!(distance(UnixMs(now.0 - 125_000), now), "2m ago");
        assert_eq!(distance(now.plus_ms(3 * 86_400_000), now), "in 3d");
    }
}
