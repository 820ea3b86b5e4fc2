//! Watches the services that must run.

use fitment_sdk::services::{Activity, Service};
use fitment_sdk::{Context, Fault, Finding, Monitor, services};
use serde::Deserialize;

const NAMED_MAX: usize = 3;

struct ServiceHealth;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    services: Vec<String>,
    any_failed: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { services: Vec::new(), any_failed: true }
    }
}

impl Monitor for ServiceHealth {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let mut found = Vec::new();
        for unit in &config.services {
            found.push(match services::get(unit) {
                Ok(service) => judge(&service),
                Err(Fault::NotFound(_)) => {
                    Finding::critical("service", format!("{unit} is not installed")).subject(unit)
                }
                Err(other) => return Err(other),
            });
        }
        if config.any_failed {
            found.push(failed(&config, &services::list()?));
        }
        Ok(found)
    }
}

fn judge(service: &Service) -> Finding {
    let name = service.name.as_str();
    let finding = match service.activity {
        Activity::Active => Finding::ok("service", format!("{name} is active")),
        Activity::Activating => Finding::warning("service", format!("{name} is starting")),
        Activity::Deactivating => Finding::warning("service", format!("{name} is stopping")),
        Activity::Failed => Finding::critical("service", format!("{name} has failed")),
        Activity::Inactive => Finding::critical("service", format!("{name} is not running")),
        Activity::Unknown => Finding::unknown("service", format!("the state of {name} is not known")),
    };
    let finding =
        finding.subject(name).sample("active", f64::from(u8::from(service.activity == Activity::Active)), "1");
    if service.enabled { finding } else { finding.details("It is not enabled: it will not start by itself.") }
}

/// One finding for all of them: each of its own would go stale, not well, when the unit is gone.
fn failed(config: &Config, all: &[Service]) -> Finding {
    let mut names = all.iter().filter(|s| s.activity == Activity::Failed).map(|s| s.name.as_str());
    let mut names: Vec<&str> = names.by_ref().filter(|name| !config.services.iter().any(|s| s == name)).collect();
    let count = names.len();
    if count == 0 {
        return Finding::ok("failed-units", "no further unit has failed").sample("failed", 0.0, "1");
    }
    let details = names.join("\n");
    names.truncate(NAMED_MAX);
    let more = if count > NAMED_MAX { format!(" and {} more", count - NAMED_MAX) } else { String::new() };
    Finding::warning("failed-units", format!("failed: {}{more}", names.join(", "))).details(details).sample(
        "failed",
        count as f64,
        "1",
    )
}

fitment_sdk::export!(ServiceHealth as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    fn service(name: &str, activity: Activity) -> Service {
        Service {
            name: name.to_owned(),
            description: String::new(),
            activity,
            enabled: true,
            main_pid: None,
            since_ms: None,
        }
    }

    #[test]
    fn what_must_run_and_does_not_is_critical() {
        assert_eq!(judge(&service("a.service", Activity::Active)).health, Health::Ok);
        assert_eq!(judge(&service("a.service", Activity::Inactive)).health, Health::Critical);
        assert_eq!(judge(&service("a.service", Activity::Failed)).subject.as_deref(), Some("a.service"));
    }

    #[test]
    fn failed_units_are_told_together() {
        let all = ["a", "b", "c", "d"].map(|n| service(&format!("{n}.service"), Activity::Failed));
        let config = Config { services: vec!["a.service".to_owned()], any_failed: true };
        let found = failed(&config, &all);
        assert_eq!(found.summary, "failed: b.service, c.service, d.service");
        assert_eq!(failed(&config, &all[..1]).health, Health::Ok);
    }
}
