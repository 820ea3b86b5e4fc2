//! Counts the updates that wait, security updates first.

use fitment_sdk::packages::Pending;
use fitment_sdk::{Context, Fault, Finding, Health, Monitor, packages, text};
use serde::Deserialize;

const DAY_MS: u64 = 86_400_000;
const NAMED_MAX: usize = 50;

struct PendingUpdates;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    security_warning: usize,
    security_critical: usize,
    other_warning: usize,
    lists_age_days: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { security_warning: 1, security_critical: 20, other_warning: 50, lists_age_days: 7 }
    }
}

impl Monitor for PendingUpdates {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let mut found = counts(&config, &packages::pending()?);
        found.push(lists(&config, packages::refreshed_ms()?, ctx.now_ms()));
        found.push(match packages::reboot_required()? {
            true => Finding::warning("restart", "an update waits for a restart"),
            false => Finding::ok("restart", "no update waits for a restart"),
        });
        Ok(found)
    }
}

fn counts(config: &Config, pending: &[Pending]) -> Vec<Finding> {
    let (security, other): (Vec<&Pending>, Vec<&Pending>) = pending.iter().partition(|p| p.security);
    let reached = |count: usize, limit: usize| limit > 0 && count >= limit;
    let health = if reached(security.len(), config.security_critical) {
        Health::Critical
    } else if reached(security.len(), config.security_warning) {
        Health::Warning
    } else {
        Health::Ok
    };
    let other_health = if reached(other.len(), config.other_warning) { Health::Warning } else { Health::Ok };
    let (security_words, other_words) =
        (["security update waits", "security updates wait"], ["other update waits", "other updates wait"]);
    vec![one(health, "security", security_words, &security), one(other_health, "updates", other_words, &other)]
}

fn one(health: Health, condition: &str, [single, several]: [&str; 2], pending: &[&Pending]) -> Finding {
    let finding = Finding::new(health, condition, text::count(pending.len() as u64, single, several));
    let finding = finding.sample("pending", pending.len() as f64, "1");
    let names: Vec<String> =
        pending.iter().take(NAMED_MAX).map(|p| [p.name.as_str(), " ", &p.version, " → ", &p.update].concat()).collect();
    if names.is_empty() { finding } else { finding.details(names.join("\n")) }
}

fn lists(config: &Config, refreshed_ms: Option<u64>, now_ms: u64) -> Finding {
    let Some(refreshed) = refreshed_ms else {
        return Finding::unknown("lists", "the package lists were never refreshed, so nothing is known about updates");
    };
    let days = now_ms.saturating_sub(refreshed) / DAY_MS;
    let summary = format!("the package lists are {} old", text::count(days, "day", "days"));
    let health = if config.lists_age_days > 0 && days >= config.lists_age_days { Health::Warning } else { Health::Ok };
    Finding::new(health, "lists", summary).sample("age", days as f64, "d")
}

fitment_sdk::export!(PendingUpdates as monitor);

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(name: &str, security: bool) -> Pending {
        Pending { name: name.to_owned(), version: "1".to_owned(), update: "2".to_owned(), security }
    }

    #[test]
    fn security_updates_are_counted_apart() {
        let found = counts(&Config::default(), &[pending("a", true), pending("b", false), pending("c", false)]);
        assert_eq!((found[0].health, found[0].summary.as_str()), (Health::Warning, "1 security update waits"));
        assert_eq!(found[0].details.as_deref(), Some("a 1 → 2"));
        assert_eq!((found[1].health, found[1].samples[0].value), (Health::Ok, 2.0));
    }

    #[test]
    fn old_lists_know_nothing() {
        let config = Config::default();
        assert_eq!(lists(&config, None, 0).health, Health::Unknown);
        assert_eq!(lists(&config, Some(0), 8 * DAY_MS).health, Health::Warning);
        assert_eq!(lists(&config, Some(0), DAY_MS).health, Health::Ok);
    }
}
