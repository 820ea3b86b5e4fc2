//! Looks at the memory once per run, and says what it found.

use fitment_sdk::{Context, Fault, Finding, Monitor, metrics};

#[derive(serde::Deserialize)]
#[serde(default)]
struct Config {
    warning_percent: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_percent: 10.0 }
    }
}

struct Accessory;

impl Monitor for Accessory {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let memory = metrics::memory()?;
        Ok(vec![judge(&config, memory.available, memory.total)])
    }
}

/// Judges without a call to the host, so that `cargo test` can try it.
fn judge(config: &Config, available: u64, total: u64) -> Finding {
    let percent = available as f64 * 100.0 / total.max(1) as f64;
    let summary = format!("{} % of the memory is available", percent.round());
    let finding = if percent < config.warning_percent {
        Finding::warning("memory", summary)
    } else {
        Finding::ok("memory", summary)
    };
    finding.sample("available", percent, "%")
}

fitment_sdk::export!(Accessory as monitor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_machine_is_a_warning() {
        let finding = judge(&Config::default(), 5, 100);
        assert_eq!(finding.summary, "5 % of the memory is available");
    }
}
