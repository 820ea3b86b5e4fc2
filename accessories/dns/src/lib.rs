//! Looks whether a name resolves, to what, and how fast.

use fitment_sdk::net::{self, DnsAnswer};
use fitment_sdk::{Context, Fault, Finding, Probe, text};
use serde::Deserialize;

struct Dns;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    record_type: String,
    server: Option<String>,
    expect: Vec<String>,
    warning_ms: f64,
    timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { record_type: "A".to_owned(), server: None, expect: Vec::new(), warning_ms: 500.0, timeout_ms: 5_000 }
    }
}

impl Probe for Dns {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let answer = net::dns(target, &config.record_type, config.server.as_deref(), config.timeout_ms);
        Ok(vec![judge(&config, target, answer)?.subject(text::printable(target))])
    }
}

fn judge(config: &Config, target: &str, answer: Result<DnsAnswer, Fault>) -> Result<Finding, Fault> {
    let (name, kind) = (text::short(target), config.record_type.as_str());
    let answer = match answer {
        Ok(answer) => answer,
        Err(Fault::TimedOut) => {
            return Ok(Finding::critical("dns", format!("no answer about {name} within {} ms", config.timeout_ms)));
        }
        Err(Fault::NotFound(_)) => return Ok(Finding::critical("dns", format!("{name} does not exist"))),
        Err(Fault::Failed(why)) => {
            return Ok(Finding::critical("dns", format!("{name} cannot be resolved")).details(why));
        }
        Err(other) => return Err(other),
    };
    let got: Vec<&str> = answer.records.iter().map(|record| record.value.as_str()).collect();
    let missing: Vec<&str> = config.expect.iter().map(String::as_str).filter(|value| !got.contains(value)).collect();
    let took = text::decimal(answer.duration_ms);
    let finding = if got.is_empty() {
        Finding::critical("dns", format!("{name} has no {kind} record"))
    } else if !missing.is_empty() {
        Finding::critical("dns", format!("{name} lacks {} of its {kind} records", missing.len()))
    } else if config.warning_ms > 0.0 && answer.duration_ms >= config.warning_ms {
        Finding::warning("dns", format!("{name} took {took} ms to resolve"))
    } else {
        Finding::ok("dns", format!("{name} resolved in {took} ms"))
    };
    let finding = if got.is_empty() { finding } else { finding.details(got.join("\n")) };
    Ok(finding.sample("duration", answer.duration_ms, "ms").sample("records", got.len() as f64, "1"))
}

fitment_sdk::export!(Dns as probe);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;
    use fitment_sdk::net::DnsRecord;

    use super::*;

    #[test]
    fn what_must_be_there_is_looked_for() {
        let config = Config { expect: vec!["192.0.2.1".to_owned()], ..Config::default() };
        let health = |values: &[&str]| {
            let record = |v: &&str| DnsRecord { record_type: "A".to_owned(), value: (*v).to_owned(), ttl_s: 60 };
            let answer = DnsAnswer { duration_ms: 3.0, records: values.iter().map(record).collect() };
            judge(&config, "a.example", Ok(answer)).unwrap().health
        };
        assert_eq!(health(&["192.0.2.2", "192.0.2.1"]), Health::Ok);
        assert_eq!(health(&["192.0.2.2"]), Health::Critical);
        assert_eq!(health(&[]), Health::Critical);
    }
}
