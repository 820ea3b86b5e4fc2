//! Looks whether a web address answers, how fast, and with what.

use fitment_sdk::http::{Request, Response};
use fitment_sdk::{Context, Fault, Finding, Probe, text};
use serde::Deserialize;

struct Http;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    status_min: u16,
    status_max: u16,
    contains: String,
    warning_ms: f64,
    timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { status_min: 200, status_max: 399, contains: String::new(), warning_ms: 2_000.0, timeout_ms: 5_000 }
    }
}

impl Probe for Http {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let answer = Request::get(target).timeout_ms(config.timeout_ms).send();
        Ok(vec![judge(&config, target, answer)?.subject(text::printable(target))])
    }
}

/// A target that does not answer is a finding; a probe that may not look is a fault.
fn judge(config: &Config, target: &str, answer: Result<Response, Fault>) -> Result<Finding, Fault> {
    let name = text::short(target);
    let response = match answer {
        Ok(response) => response,
        Err(Fault::TimedOut) => {
            return Ok(Finding::critical("http", format!("{name} did not answer within {} ms", config.timeout_ms)));
        }
        Err(Fault::Failed(why)) => return Ok(Finding::critical("http", format!("{name} does not answer")).details(why)),
        Err(other) => return Err(other),
    };
    let (status, took) = (response.status, text::decimal(response.duration_ms));
    let finding = if !(config.status_min..=config.status_max).contains(&status) {
        Finding::critical("http", format!("{name} answers with status {status}"))
    } else if !config.contains.is_empty() && !response.text().contains(&config.contains) {
        Finding::critical("http", format!("{name} answers without the text that it must contain"))
    } else if config.warning_ms > 0.0 && response.duration_ms >= config.warning_ms {
        Finding::warning("http", format!("{name} took {took} ms to answer with status {status}"))
    } else {
        Finding::ok("http", format!("{name} answered with status {status} in {took} ms"))
    };
    Ok(finding.sample("duration", response.duration_ms, "ms").sample("status", f64::from(status), "1"))
}

fitment_sdk::export!(Http as probe);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    fn answer(status: u16, body: &str, duration_ms: f64) -> Result<Response, Fault> {
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec(), truncated: false, duration_ms })
    }

    #[test]
    fn status_text_and_time_are_judged() {
        let config = Config { contains: "fine".to_owned(), ..Config::default() };
        let health = |answer| judge(&config, "http://h/", answer).unwrap().health;
        assert_eq!(health(answer(200, "all fine", 5.0)), Health::Ok);
        assert_eq!(health(answer(200, "all fine", 3_000.0)), Health::Warning);
        assert_eq!(health(answer(200, "broken", 5.0)), Health::Critical);
        assert_eq!(health(answer(500, "all fine", 5.0)), Health::Critical);
        assert_eq!(health(Err(Fault::TimedOut)), Health::Critical);
        assert!(judge(&config, "http://h/", Err(Fault::Denied("http".to_owned()))).is_err());
    }
}
