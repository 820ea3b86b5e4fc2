//! What an agent of version 0.1.0 reads, as its types were: it refuses what it does not know.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it reads matters")]
pub(super) struct Enrolled {
    tenant: String,
    device: String,
    certificate_pem: String,
    instruction_key: Value,
    release_key: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComeAgain {
    pub(super) instructions_changed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum InstructionsAnswer {
    NewSet(Value),
    UpToDate(Value),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it reads matters")]
pub(super) struct InstructionSet {
    tenant: String,
    device: String,
    time: SetTime,
    group: String,
    expires: i64,
    pub(super) items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only that it reads matters")]
struct SetTime {
    epoch: i64,
    t: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it reads matters")]
pub(super) struct Item {
    installation: String,
    pub(super) accessory: String,
    version: String,
    digest: String,
    statement: Value,
    publisher_key: Value,
    config: Value,
    interval_s: u64,
    grants: BTreeMap<Permission, Scope>,
    budget: Budget,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Permission {
    Metrics,
    Http,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it reads matters")]
struct Scope {
    #[serde(default)]
    origins: BTreeSet<String>,
    #[serde(default)]
    secrets: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only that it reads matters")]
struct Budget {
    memory_bytes_max: u64,
    table_elements_max: u64,
    wall_ms_max: u64,
    cpu_ms_max: u64,
    fuel_max: u64,
    host_calls_max: u64,
    host_call_bytes_max: u64,
    http_calls_max: u64,
    http_body_bytes_max: u64,
    log_bytes_max: u64,
    result_bytes_max: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpToDate {
    #[expect(dead_code, reason = "only that it reads matters")]
    tenant: String,
    #[expect(dead_code, reason = "only that it reads matters")]
    device: String,
    #[expect(dead_code, reason = "only that it reads matters")]
    time: SetTime,
    pub(super) nonce: String,
    #[expect(dead_code, reason = "only that it reads matters")]
    at: i64,
    #[expect(dead_code, reason = "only that it reads matters")]
    expires: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acknowledged {
    pub(super) sequences: Vec<u64>,
    pub(super) refused: Vec<Value>,
}
