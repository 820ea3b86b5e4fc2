//! `/proc/meminfo`.

use crate::Unreadable;
use crate::memory::Memory;

const WHAT: &str = "/proc/meminfo";

/// Reads `/proc/meminfo`.
pub(crate) fn read() -> Result<Memory, Unreadable> {
    let text = std::fs::read_to_string(WHAT).map_err(|source| Unreadable::Io { what: WHAT, source })?;
    parse(&text)
}

/// Reads `oom_kill` of `/proc/vmstat`, which kernels count since 4.13: kills within a group of processes that has a bound are in it.
pub(crate) fn kills() -> Option<u64> {
    counted(&std::fs::read_to_string("/proc/vmstat").ok()?)
}

fn counted(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

fn parse(text: &str) -> Result<Memory, Unreadable> {
    let swap_total_bytes = field(text, "SwapTotal").unwrap_or(0);
    let swap_free_bytes = field(text, "SwapFree").unwrap_or(0);
    Ok(Memory {
        total_bytes: required(text, "MemTotal")?,
        // Kernels before 3.14 have no MemAvailable; free memory alone is a safe lower bound.
        available_bytes: field(text, "MemAvailable").map_or_else(|| required(text, "MemFree"), Ok)?,
        swap_total_bytes,
        swap_used_bytes: swap_total_bytes.saturating_sub(swap_free_bytes),
    })
}

fn required(text: &str, name: &'static str) -> Result<u64, Unreadable> {
    field(text, name).ok_or(Unreadable::Malformed { what: WHAT, field: name })
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_counts_whom_it_killed() {
        assert_eq!(counted("pgfault 5\noom_kill 3\nnuma_hit 7\n"), Some(3));
        assert_eq!(counted("pgfault 5\n"), None);
        assert!(kills().is_some());
    }

    #[test]
    fn reads_the_four_figures_and_refuses_a_text_without_them() {
        let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable:  400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n";
        let memory = parse(text).expect("a complete text");
        assert_eq!(memory.total_bytes, 1000 * 1024);
        assert_eq!(memory.available_bytes, 400 * 1024);
        assert_eq!(memory.swap_used_bytes, 30 * 1024);
        assert!(parse("MemFree: 100 kB\n").is_err());
    }
}
