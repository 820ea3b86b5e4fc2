//! Looks at one target per run, and says what it found.

use fitment_sdk::net::{self, Timing};
use fitment_sdk::{Context, Fault, Finding, Probe, text};

const TIMEOUT_MS: u32 = 5_000;

#[derive(serde::Deserialize)]
#[serde(default)]
struct Config {
    warning_ms: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self { warning_ms: 500.0 }
    }
}

struct Accessory;

impl Probe for Accessory {
    fn check(ctx: &Context, target: &str) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let (host, port) = text::host_port(target, None)?;
        let answer = net::tcp(host, port, None, 0, TIMEOUT_MS).map(|(timing, _)| timing);
        Ok(vec![judge(&config, target, answer)?.subject(target)])
    }
}

/// A target that does not answer is a finding; a look that was not allowed is a fault. Without a call to the host, so that
/// `cargo test` can try it.
fn judge(config: &Config, target: &str, answer: Result<Timing, Fault>) -> Result<Finding, Fault> {
    let timing = match answer {
        Ok(timing) => timing,
        Err(fault @ (Fault::TimedOut | Fault::Failed(_) | Fault::NotFound(_))) => {
            return Ok(Finding::critical("port", format!("{target} cannot be reached")).details(fault.to_text()));
        }
        Err(other) => return Err(other),
    };
    let summary = format!("{target} connected in {} ms", timing.connect_ms.round());
    let finding = if timing.connect_ms >= config.warning_ms {
        Finding::warning("port", summary)
    } else {
        Finding::ok("port", summary)
    };
    Ok(finding.sample("connect", timing.connect_ms, "ms"))
}

fitment_sdk::export!(Accessory as probe);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_refuses_is_a_finding_and_no_fault() {
        let refused = Err(Fault::Failed("connection refused".to_owned()));
        assert!(judge(&Config::default(), "h:25", refused).is_ok());
        assert!(judge(&Config::default(), "h:25", Err(Fault::Denied("net".to_owned()))).is_err());
    }
}
