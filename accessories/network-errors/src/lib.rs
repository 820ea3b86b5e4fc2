//! Warns when a network interface makes errors: what is new since the last run, per minute.

use std::collections::BTreeMap;

use fitment_sdk::metrics::Network;
use fitment_sdk::text::Limits;
use fitment_sdk::{Context, Fault, Finding, Monitor, metrics, state, text};
use serde::{Deserialize, Serialize};

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

/// What a run leaves for the next one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Before {
    at_ms: u64,
    /// Per interface: errors, bytes received, bytes sent.
    counters: BTreeMap<String, (u64, u64, u64)>,
}

impl Monitor for NetworkErrors {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let limits = text::limits("per_minute", config.warning_per_minute, config.critical_per_minute)?;
        let before: Option<Before> = state::get(KEY)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let networks: Vec<Network> = metrics::networks()?.into_iter().filter(|n| config.wants(&n.name)).collect();
        let now_ms = ctx.now_ms();
        let found = findings(&networks, before.as_ref(), now_ms, limits);
        let counters = networks.into_iter().map(|n| (n.name, (n.rx_errors + n.tx_errors, n.rx_bytes, n.tx_bytes)));
        let now = Before { at_ms: now_ms, counters: counters.collect() };
        let bytes = serde_json::to_vec(&now).map_err(|e| Fault::Failed(e.to_string()))?;
        state::set(KEY, &bytes)?;
        Ok(found)
    }
}

impl Config {
    fn wants(&self, name: &str) -> bool {
        let matches =
            |pattern: &String| pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start));
        !self.exclude.iter().any(matches)
    }
}

fn findings(networks: &[Network], before: Option<&Before>, now_ms: u64, limits: Limits) -> Vec<Finding> {
    networks.iter().map(|network| finding(network, before, now_ms, limits)).collect()
}

fn finding(network: &Network, before: Option<&Before>, now_ms: u64, limits: Limits) -> Finding {
    let errors = network.rx_errors + network.tx_errors;
    let name = text::short(&network.name);
    let since = before.and_then(|b| Some((now_ms.checked_sub(b.at_ms)?, b.counters.get(&network.name)?)));
    let told = match since {
        // Counters that went back belong to an interface that was made anew.
        Some((ms, (errors_before, rx, tx))) if ms > 0 && errors >= *errors_before && network.rx_bytes >= *rx => {
            let per_minute = (errors - errors_before) as f64 * 60_000.0 / ms as f64;
            let per_second = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1_000.0 / ms as f64;
            let summary = format!("{name} made {} errors per minute", text::decimal(per_minute));
            Finding::new(limits.judge(per_minute), "errors", summary)
                .sample("errors_per_minute", per_minute, "1/min")
                .sample("received", per_second(network.rx_bytes, *rx), "By/s")
                .sample("sent", per_second(network.tx_bytes, *tx), "By/s")
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
        let limits = text::limits("per_minute", 1.0, 60.0).unwrap();
        let before = Before { at_ms: 0, counters: [("eth0".to_owned(), (100, 10, 10))].into() };
        let health = |errors, before| finding(&network(errors, 20), before, 60_000, limits).health;
        assert_eq!(health(100, Some(&before)), Health::Ok);
        assert_eq!(health(105, Some(&before)), Health::Warning);
        assert_eq!(health(200, Some(&before)), Health::Critical);
        assert_eq!(health(5, Some(&before)), Health::Ok, "made anew");
        assert_eq!(health(500, None), Health::Ok, "the first look");
    }

    #[test]
    fn interfaces_are_left_out_by_name_or_beginning() {
        let config = Config::default();
        assert!(config.wants("eth0") && !config.wants("lo") && !config.wants("veth12"));
    }
}
