//! Looks whether a port can be reached, and how fast.

use fitment_sdk::net::{self, Timing};
use fitment_sdk::{Context, Fault, Finding, Probe, text};
use serde::Deserialize;

const READ_BYTES_MAX: u32 = 4096;

struct Tcp;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    send: String,
    expect: String,
    warning_ms: f64,
    timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { send: String::new(), expect: String::new(), warning_ms: 500.0, timeout_ms: 5_000 }
    }
}

impl Probe for Tcp {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let (host, port) = text::host_port(target, None)?;
        let send = (!config.send.is_empty()).then_some(config.send.as_bytes());
        let read = if config.expect.is_empty() { 0 } else { READ_BYTES_MAX };
        let answer = net::tcp(host, port, send, read, config.timeout_ms);
        Ok(vec![judge(&config, target, answer)?.subject(text::printable(target))])
    }
}

fn judge(config: &Config, target: &str, answer: Result<(Timing, Vec<u8>), Fault>) -> Result<Finding, Fault> {
    let name = text::short(target);
    let (timing, read) = match answer {
        Ok(answer) => answer,
        Err(Fault::TimedOut) => {
            return Ok(Finding::critical("tcp", format!("{name} did not answer within {} ms", config.timeout_ms)));
        }
        Err(Fault::Failed(why) | Fault::NotFound(why)) => {
            return Ok(Finding::critical("tcp", format!("{name} cannot be reached")).details(why));
        }
        Err(other) => return Err(other),
    };
    let took = text::decimal(timing.connect_ms);
    let finding = if !config.expect.is_empty() && !String::from_utf8_lossy(&read).contains(&config.expect) {
        Finding::critical("tcp", format!("{name} answers without the text that it must contain"))
    } else if config.warning_ms > 0.0 && timing.connect_ms >= config.warning_ms {
        Finding::warning("tcp", format!("{name} took {took} ms to connect"))
    } else {
        Finding::ok("tcp", format!("{name} connected in {took} ms"))
    };
    Ok(finding.sample("connect", timing.connect_ms, "ms").sample("resolve", timing.resolve_ms, "ms"))
}

fitment_sdk::export!(Tcp as probe);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    #[test]
    fn reach_text_and_time_are_judged() {
        let config = Config { expect: "220".to_owned(), ..Config::default() };
        let answer = |connect_ms: f64, text: &str| {
            let timing = Timing { resolve_ms: 0.0, connect_ms, total_ms: connect_ms, address: "192.0.2.1".to_owned() };
            judge(&config, "h:25", Ok((timing, text.as_bytes().to_vec()))).unwrap().health
        };
        assert_eq!(answer(5.0, "220 ready"), Health::Ok);
        assert_eq!(answer(900.0, "220 ready"), Health::Warning);
        assert_eq!(answer(5.0, "554 no"), Health::Critical);
        assert_eq!(judge(&config, "h:25", Err(Fault::TimedOut)).unwrap().health, Health::Critical);
    }
}
