//! Tells when a device restarted, or has not for too long.

use fitment_sdk::{Context, Fault, Finding, Monitor, metrics, text};
use serde::Deserialize;

const DAY_S: u64 = 86_400;

struct Uptime;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    restarted_within_minutes: u64,
    too_long_days: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { restarted_within_minutes: 10, too_long_days: 90 }
    }
}

impl Monitor for Uptime {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        Ok(findings(&config, metrics::uptime()?.seconds))
    }
}

fn findings(config: &Config, seconds: f64) -> Vec<Finding> {
    let up = seconds.max(0.0) as u64;
    let words = text::duration(up);
    let restart = if up < config.restarted_within_minutes * 60 {
        Finding::warning("restart", format!("restarted {words} ago"))
    } else {
        Finding::ok("restart", format!("up for {words}"))
    };
    let age = if config.too_long_days > 0 && up >= config.too_long_days * DAY_S {
        Finding::warning("age", format!("up for {words} without a restart"))
    } else {
        Finding::ok("age", format!("up for {words}"))
    };
    vec![restart.sample("uptime", seconds, "s"), age]
}

fitment_sdk::export!(Uptime as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    #[test]
    fn short_and_long_uptimes_are_told() {
        let healths = |seconds| findings(&Config::default(), seconds).iter().map(|f| f.health).collect::<Vec<_>>();
        assert_eq!(healths(60.0), [Health::Warning, Health::Ok]);
        assert_eq!(healths(86_400.0), [Health::Ok, Health::Ok]);
        assert_eq!(healths(91.0 * 86_400.0), [Health::Ok, Health::Warning]);
        assert_eq!(findings(&Config { restarted_within_minutes: 0, too_long_days: 0 }, 1.0)[0].health, Health::Ok);
    }
}
