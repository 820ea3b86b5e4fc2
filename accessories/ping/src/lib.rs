//! Looks whether a machine answers echo requests, and how many get lost.

use fitment_sdk::text::Limits;
use fitment_sdk::{Context, Fault, Finding, Health, Probe, net, text};
use serde::Deserialize;

struct Ping;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    count: u32,
    loss_warning_percent: f64,
    loss_critical_percent: f64,
    warning_ms: f64,
    timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        let (loss_warning_percent, loss_critical_percent) = (20.0, 60.0);
        Self { count: 5, loss_warning_percent, loss_critical_percent, warning_ms: 200.0, timeout_ms: 5_000 }
    }
}

impl Probe for Ping {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let loss = text::limits(
            ("loss_warning_percent", config.loss_warning_percent),
            ("loss_critical_percent", config.loss_critical_percent),
        )?;
        let finding = match net::ping(target, config.count, config.timeout_ms) {
            Ok(answers) => judge(&config, target, &answers, loss),
            Err(Fault::NotFound(why)) => {
                Finding::critical("ping", format!("{} cannot be resolved", text::short(target))).details(why)
            }
            Err(Fault::TimedOut) => judge(&config, target, &[], loss),
            Err(other) => return Err(other),
        };
        Ok(vec![finding.subject(text::printable(target))])
    }
}

fn judge(config: &Config, target: &str, answers: &[Option<f64>], loss_limits: Limits) -> Finding {
    let name = text::short(target);
    let back: Vec<f64> = answers.iter().flatten().copied().collect();
    if back.is_empty() {
        return Finding::critical("ping", format!("{name} does not answer")).sample("loss", 100.0, "%");
    }
    let loss = (answers.len() - back.len()) as f64 * 100.0 / answers.len() as f64;
    let average = back.iter().sum::<f64>() / back.len() as f64;
    let slow = config.warning_ms > 0.0 && average >= config.warning_ms;
    let health = loss_limits.judge(loss).max(if slow { Health::Warning } else { Health::Ok });
    let summary = format!("{name} answers in {} ms, {} lost", text::decimal(average), text::percent(loss));
    Finding::new(health, "ping", summary).sample("loss", loss, "%").sample("average", average, "ms")
}

fitment_sdk::export!(Ping as probe);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_delay_are_judged() {
        let limits = text::limits(("loss_warning_percent", 20.0), ("loss_critical_percent", 60.0)).unwrap();
        let health = |answers: &[Option<f64>]| judge(&Config::default(), "h", answers, limits).health;
        assert_eq!(health(&[Some(1.0), Some(2.0)]), Health::Ok);
        assert_eq!(health(&[Some(300.0), Some(300.0)]), Health::Warning);
        assert_eq!(health(&[Some(1.0), None]), Health::Warning);
        assert_eq!(health(&[None, None]), Health::Critical);
    }
}
