//! Warns when the processors have no time left.

use fitment_sdk::metrics::Cpu;
use fitment_sdk::{Context, Fault, Finding, Monitor, metrics, text};
use serde::Deserialize;

struct CpuMonitor;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    warning_percent: f64,
    critical_percent: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_percent: 85.0, critical_percent: 95.0 }
    }
}

impl Monitor for CpuMonitor {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let health =
            text::limits(("warning_percent", config.warning_percent), ("critical_percent", config.critical_percent))?;
        Ok(vec![finding(&metrics::cpu()?, health)])
    }
}

fn finding(cpu: &Cpu, limits: text::Limits) -> Finding {
    let busy = cpu.busy * 100.0;
    let summary = format!(
        "processors are {} busy ({} of it for the system, {} waiting for disks)",
        text::percent(busy),
        text::percent(cpu.system * 100.0),
        text::percent(cpu.iowait * 100.0)
    );
    Finding::new(limits.judge(busy), "cpu", summary)
        .sample("busy", busy, "%")
        .sample("user", cpu.user * 100.0, "%")
        .sample("system", cpu.system * 100.0, "%")
        .sample("iowait", cpu.iowait * 100.0, "%")
}

fitment_sdk::export!(CpuMonitor as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    #[test]
    fn the_share_decides() {
        let cpu = |busy| Cpu { busy, user: busy, system: 0.0, iowait: 0.0, load1: 0.0, load5: 0.0, load15: 0.0 };
        let limits = || text::limits(("warning_percent", 85.0), ("critical_percent", 95.0)).unwrap();
        assert_eq!(finding(&cpu(0.5), limits()).health, Health::Ok);
        assert_eq!(finding(&cpu(0.85), limits()).health, Health::Warning);
        assert_eq!(finding(&cpu(0.96), limits()).health, Health::Critical);
    }
}
