//! Warns when more work waits than the processors can take.

use fitment_sdk::metrics::Cpu;
use fitment_sdk::{Context, Fact, Fault, Finding, Monitor, device, metrics, text};
use serde::Deserialize;

struct Load;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    warning_per_cpu: f64,
    critical_per_cpu: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_per_cpu: 1.5, critical_per_cpu: 3.0 }
    }
}

impl Monitor for Load {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let limits =
            text::limits(("warning_per_cpu", config.warning_per_cpu), ("critical_per_cpu", config.critical_per_cpu))?;
        let cpus = match device::fact("cpu.count") {
            Some(Fact::Number(cpus)) if cpus >= 1.0 => Some(cpus),
            _ => None,
        };
        Ok(vec![finding(&metrics::cpu()?, cpus, limits)])
    }
}

fn finding(cpu: &Cpu, cpus: Option<f64>, limits: text::Limits) -> Finding {
    let finding = match cpus {
        Some(cpus) => {
            let processors = text::count(cpus as u64, "processor", "processors");
            let summary = format!("load is {} over 5 minutes on {processors}", text::decimal(cpu.load5));
            Finding::new(limits.judge(cpu.load5 / cpus), "load", summary).sample("per_cpu", cpu.load5 / cpus, "1")
        }
        None => Finding::unknown("load", "the number of processors is not known, so the load cannot be judged"),
    };
    finding.sample("load1", cpu.load1, "1").sample("load5", cpu.load5, "1").sample("load15", cpu.load15, "1")
}

fitment_sdk::export!(Load as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    #[test]
    fn the_load_counts_per_processor() {
        let cpu = Cpu { busy: 0.0, user: 0.0, system: 0.0, iowait: 0.0, load1: 9.0, load5: 4.0, load15: 1.0 };
        let judged = |cpus| {
            finding(&cpu, cpus, text::limits(("warning_per_cpu", 1.5), ("critical_per_cpu", 3.0)).unwrap()).health
        };
        assert_eq!(judged(Some(4.0)), Health::Ok);
        assert_eq!(judged(Some(2.0)), Health::Warning);
        assert_eq!(judged(Some(1.0)), Health::Critical);
        assert_eq!(judged(None), Health::Unknown);
    }
}
