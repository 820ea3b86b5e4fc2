//! Warns when a network interface makes errors: what is new since the last run, per minute.

use fitment_sdk::metrics::Network;
use fitment_sdk::text::Limits;
use fitment_sdk::{Context, Fault, Finding, Monitor, metrics, state, text};
use serde::Deserialize;

const KEY: &str = "counters";

struct NetworkErrors;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Config {
    warning_per_minute: f64,
    critical_per_minute: f64,
    exclude: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let exclude = ["lo", "veth*", "docker*"].map(str::to_owned).to_vec();
        Self { warning_per_minute: 1.0, critical_per_minute: 60.0, exclude }
    }
}

/// What a run leaves for the next one, as lines: the time, then one interface each.
#[derive(Debug, Default, PartialEq)]
struct Before {
    at_ms: u64,
    counters: Vec<Counters>,
}

#[derive(Debug, PartialEq)]
struct Counters {
    name: String,
    errors: u64,
    received: u64,
    sent: u64,
}

impl Before {
    fn of(networks: &[Network], at_ms: u64) -> Self {
        let counters = networks.iter().map(|n| Counters {
            name: n.name.clone(),
            errors: n.rx_errors + n.tx_errors,
            received: n.rx_bytes,
            sent: n.tx_bytes,
        });
        Self { at_ms, counters: counters.collect() }
    }

    /// What does not read counts as never left.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.split('\n');
        let at_ms = lines.next()?.parse().ok()?;
        let counters = lines.map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?.to_owned();
            let mut number = || words.next()?.parse().ok();
            Some(Counters { name, errors: number()?, received: number()?, sent: number()? })
        });
        Some(Self { at_ms, counters: counters.collect::<Option<_>>()? })
    }

    fn write(&self) -> String {
        let mut text = self.at_ms.to_string();
        for Counters { name, errors, received, sent } in &self.counters {
            text.extend(["\n", name, " ", &errors.to_string(), " ", &received.to_string(), " ", &sent.to_string()]);
        }
        text
    }
}

impl Monitor for NetworkErrors {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let limits = text::limits(
            ("warning_per_minute", config.warning_per_minute),
            ("critical_per_minute", config.critical_per_minute),
        )?;
        let before = state::get(KEY)?.and_then(|bytes| Before::read(&bytes));
        let networks: Vec<Network> = metrics::networks()?.into_iter().filter(|n| config.wants(&n.name)).collect();
        let now_ms = ctx.now_ms();
        state::set(KEY, Before::of(&networks, now_ms).write().as_bytes())?;
        Ok(networks.iter().map(|network| finding(network, before.as_ref(), now_ms, limits)).collect())
    }
}

impl Config {
    fn wants(&self, name: &str) -> bool {
        let matches =
            |pattern: &String| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
        !self.exclude.iter().any(matches)
    }
}

fn finding(network: &Network, before: Option<&Before>, now_ms: u64, limits: Limits) -> Finding {
    let errors = network.rx_errors + network.tx_errors;
    let name = text::short(&network.name);
    let since = before.and_then(|b| {
        let counters = b.counters.iter().find(|c| c.name == network.name)?;
        Some((now_ms.checked_sub(b.at_ms)?, counters))
    });
    let told = match since {
        // Counters that went back belong to an interface that was made anew.
        Some((ms, then)) if ms > 0 && errors >= then.errors && network.rx_bytes >= then.received => {
            let per_minute = (errors - then.errors) as f64 * 60_000.0 / ms as f64;
            let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1_000.0 / ms as f64;
            let summary = format!("{name} made {} errors per minute", text::decimal(per_minute));
            Finding::new(limits.judge(per_minute), "errors", summary)
                .sample("errors_per_minute", per_minute, "1/min")
                .sample("received", per_second(network.rx_bytes, then.received), "By/s")
                .sample("sent", per_second(network.tx_bytes, then.sent), "By/s")
        }
        _ => Finding::ok("errors", format!("{name} is counted from now on")),
    };
    told.subject(text::printable(&network.name))
}

fitment_sdk::export!(NetworkErrors as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    fn network(errors: u64, bytes: u64) -> Network {
        let name = "eth0".to_owned();
        Network { name, rx_bytes: bytes, tx_bytes: bytes, rx_errors: errors, tx_errors: 0, up: true }
    }

    #[test]
    fn only_new_errors_count() {
        let limits = text::limits(("warning_per_minute", 1.0), ("critical_per_minute", 60.0)).unwrap();
        let before = Before::of(&[network(100, 10)], 0);
        let health = |errors, before| finding(&network(errors, 20), before, 60_000, limits).health;
        assert_eq!(health(100, Some(&before)), Health::Ok);
        assert_eq!(health(105, Some(&before)), Health::Warning);
        assert_eq!(health(200, Some(&before)), Health::Critical);
        assert_eq!(health(5, Some(&before)), Health::Ok, "made anew");
        assert_eq!(health(500, None), Health::Ok, "the first look");
    }

    #[test]
    fn what_is_left_reads_back_and_anything_else_counts_for_nothing() {
        let before = Before::of(&[network(3, 4)], 5);
        assert_eq!(Before::read(before.write().as_bytes()), Some(before));
        assert_eq!(Before::read(b"5\neth0 1 x 3"), None);
        assert_eq!(Before::read(b"\xff"), None);
    }

    #[test]
    fn interfaces_are_left_out_by_name_or_beginning() {
        let config = Config::default();
        assert!(config.wants("eth0") && !config.wants("lo") && !config.wants("veth12"));
    }
}
