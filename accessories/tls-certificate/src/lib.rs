//! Warns before a certificate expires, and when nobody vouches for it.

use fitment_sdk::net::{self, TlsAnswer};
use fitment_sdk::{Context, Fault, Finding, Health, Probe, text};
use serde::Deserialize;

const HTTPS: u16 = 443;
const DAY_MS: f64 = 86_400_000.0;

struct TlsCertificate;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    warning_days: f64,
    critical_days: f64,
    ignore_chain: bool,
    timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_days: 30.0, critical_days: 7.0, ignore_chain: false, timeout_ms: 5_000 }
    }
}

impl Probe for TlsCertificate {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let (host, port) = text::host_port(target, Some(HTTPS))?;
        let answer = net::tls(host, port, None, config.timeout_ms);
        let found = judge(&config, target, answer, ctx.now_ms())?;
        Ok(found.into_iter().map(|finding| finding.subject(text::printable(target))).collect())
    }
}

fn judge(config: &Config, target: &str, answer: Result<TlsAnswer, Fault>, now_ms: u64) -> Result<Vec<Finding>, Fault> {
    let name = text::short(target);
    let answer = match answer {
        Ok(answer) => answer,
        Err(Fault::TimedOut) => {
            let summary = format!("{name} did not answer within {} ms", config.timeout_ms);
            return Ok(vec![Finding::unknown("expiry", summary)]);
        }
        Err(Fault::Failed(why) | Fault::NotFound(why)) => {
            return Ok(vec![Finding::unknown("expiry", format!("{name} shows no certificate")).details(why)]);
        }
        Err(other) => return Err(other),
    };
    let Some(own) = answer.chain.first() else {
        return Ok(vec![Finding::unknown("expiry", format!("{name} shows no certificate"))]);
    };
    let days = (own.not_after_ms as f64 - now_ms as f64) / DAY_MS;
    let health = if days <= config.critical_days {
        Health::Critical
    } else if days <= config.warning_days {
        Health::Warning
    } else {
        Health::Ok
    };
    let summary = if days < 0.0 {
        format!("the certificate of {name} expired {} days ago", text::decimal(-days))
    } else {
        format!("the certificate of {name} holds for {} more days", text::decimal(days))
    };
    let details = format!(
        "subject {}\nissuer {}\nnames {}\nsha256 {}",
        own.subject,
        own.issuer,
        own.names.join(", "),
        own.sha256
    );
    let expiry = Finding::new(health, "expiry", summary).details(details).sample("days_left", days, "d");
    let chain = match &answer.problem {
        Some(problem) if !config.ignore_chain => {
            Finding::critical("chain", format!("nobody vouches for the certificate of {name}")).details(problem)
        }
        _ => Finding::ok("chain", format!("the certificate of {name} is vouched for, or need not be")),
    };
    Ok(vec![expiry, chain])
}

fitment_sdk::export!(TlsCertificate as probe);

#[cfg(test)]
mod tests {
    use fitment_sdk::net::{Certificate, Timing};

    use super::*;

    fn answer(days: u64, problem: Option<&str>) -> TlsAnswer {
        let certificate = Certificate {
            subject: "CN=h".to_owned(),
            issuer: "CN=ca".to_owned(),
            names: vec!["h".to_owned()],
            not_before_ms: 0,
            not_after_ms: days * 86_400_000,
            sha256: "00".to_owned(),
        };
        let timing = Timing { resolve_ms: 0.0, connect_ms: 0.0, total_ms: 0.0, address: String::new() };
        TlsAnswer { timing, chain: vec![certificate], problem: problem.map(str::to_owned) }
    }

    #[test]
    fn the_end_and_the_issuer_are_judged_apart() {
        let healths = |answer| {
            let found = judge(&Config::default(), "h", Ok(answer), 0).unwrap();
            (found[0].health, found[1].health)
        };
        assert_eq!(healths(answer(60, None)), (Health::Ok, Health::Ok));
        assert_eq!(healths(answer(20, None)), (Health::Warning, Health::Ok));
        assert_eq!(healths(answer(2, Some("unknown issuer"))), (Health::Critical, Health::Critical));
    }
}
