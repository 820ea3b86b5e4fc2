//! `/proc/uptime`, and `btime` of `/proc/stat`.

use crate::Unreadable;
use crate::uptime::Uptime;

const UPTIME: &str = "/proc/uptime";
const STAT: &str = "/proc/stat";

pub(crate) fn read() -> Result<Uptime, Unreadable> {
    let text = |what: &'static str| std::fs::read_to_string(what).map_err(|source| Unreadable::Io { what, source });
    let seconds = text(UPTIME)?.split_whitespace().next().and_then(|figure| figure.parse().ok());
    let boot_s: Option<u64> = text(STAT)?.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
    Ok(Uptime {
        seconds: seconds.ok_or(Unreadable::Malformed { what: UPTIME, field: "seconds" })?,
        boot_ms: boot_s.ok_or(Unreadable::Malformed { what: STAT, field: "btime" })?.saturating_mul(1_000),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_up() {
        let uptime = read().expect("/proc/uptime");
        assert!(uptime.seconds > 0.0 && uptime.boot_ms > 1_000_000_000_000);
    }
}
