//! Warns before memory or swap runs out.

use fitment_sdk::metrics::Memory;
use fitment_sdk::text::Limits;
use fitment_sdk::{Context, Fault, Finding, Monitor, metrics, text};
use serde::Deserialize;

struct MemoryMonitor;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    warning_percent: f64,
    critical_percent: f64,
    swap_warning_percent: f64,
    swap_critical_percent: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_percent: 85.0, critical_percent: 95.0, swap_warning_percent: 50.0, swap_critical_percent: 80.0 }
    }
}

impl Monitor for MemoryMonitor {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let memory =
            text::limits(("warning_percent", config.warning_percent), ("critical_percent", config.critical_percent))?;
        let swap = text::limits(
            ("swap_warning_percent", config.swap_warning_percent),
            ("swap_critical_percent", config.swap_critical_percent),
        )?;
        Ok(findings(&metrics::memory()?, memory, swap))
    }
}

fn findings(read: &Memory, memory: Limits, swap: Limits) -> Vec<Finding> {
    let used = read.total.saturating_sub(read.available);
    let parts = [
        ("memory", used, read.total, memory),
        // A machine without swap has none to run out of.
        ("swap", read.swap_used, read.swap_total, swap),
    ];
    parts.into_iter().filter_map(|(what, used, total, limits)| finding(what, used, total, limits)).collect()
}

fn finding(what: &str, used: u64, total: u64, limits: Limits) -> Option<Finding> {
    let share = (total > 0).then(|| used as f64 * 100.0 / total as f64)?;
    let summary = format!("{what} is {} full, {} left", text::percent(share), text::bytes(total.saturating_sub(used)));
    Some(Finding::new(limits.judge(share), what, summary).sample("used", share, "%").sample(
        "used_bytes",
        used as f64,
        "By",
    ))
}

fitment_sdk::export!(MemoryMonitor as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    #[test]
    fn memory_and_swap_are_judged_apart() {
        let limits = |w, c| text::limits(("warning_percent", w), ("critical_percent", c)).unwrap();
        let read = Memory { total: 100, available: 4, swap_total: 10, swap_used: 1 };
        let found = findings(&read, limits(85.0, 95.0), limits(50.0, 80.0));
        assert_eq!((found[0].health, found[1].health), (Health::Critical, Health::Ok));
        let no_swap = Memory { swap_total: 0, swap_used: 0, ..read };
        assert_eq!(findings(&no_swap, limits(85.0, 95.0), limits(50.0, 80.0)).len(), 1);
    }
}
