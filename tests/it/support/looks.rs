//! What a monitor reports of `/srv`, without a monitor.

use fitment_domain::finding::{Finding, Health};
use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Outcome, Results, RunResult};
use serde_json::Value;

use super::wire::now;

/// Returns a finding about the space of `/srv`.
pub(crate) fn space(health: Health, summary: impl Into<String>) -> Finding {
    Finding {
        health,
        summary: summary.into(),
        details: None,
        samples: Vec::new(),
        condition: "space".to_owned(),
        subject: Some("/srv".to_owned()),
    }
}

/// Returns looks that all found the same, one result each.
pub(crate) fn looks(installation: &Value, finding: &Finding, sequences: impl IntoIterator<Item = u64>) -> Results {
    let result = |sequence| RunResult {
        version: None,
        sequence,
        installation: serde_json::from_value(installation.clone()).unwrap(),
        started: now(),
        usage: Default::default(),
        outcome: Outcome::Findings(vec![finding.clone()]),
        log: Vec::new(),
    };
    Results { spool: SpoolEpoch::from_random([5; 16]), results: sequences.into_iter().map(result).collect() }
}
