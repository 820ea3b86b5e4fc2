//! What each side has on record: results that the agent still holds, and results that the server has taken.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use sqlx::{Connection as _, Row as _};

use super::agent::Agent;
use super::platform::{PATIENCE, Platform};

/// The number of a result: the epoch of its spool, and its sequence in it.
pub(crate) type Number = (String, u64);

/// A result that the server has taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) number: Number,
    outcome: Value,
}

impl Taken {
    /// Returns whether the look found the space of this mount bad.
    pub(crate) fn is_bad(&self, mount: &str) -> bool {
        let findings = self.outcome["findings"].as_array().map_or(&[][..], Vec::as_slice);
        findings.iter().any(|f| f["condition"] == "space" && f["subject"] == mount && f["health"] != "ok")
    }
}

/// Reads rows from the server's database, past its store.
async fn rows(url: &str, sql: &'static str) -> Vec<sqlx::any::AnyRow> {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(url).await.unwrap();
    if url.starts_with("postgres") {
        let scope = sqlx::query("select set_config('fitment.scope', 'platform', false)");
        scope.execute(&mut connection).await.unwrap();
    }
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

/// Returns every result that the server has taken, in the order of their numbers.
pub(crate) async fn taken(platform: &Platform) -> Vec<Taken> {
    let rows =
        rows(platform.database_url(), "select spool, sequence, outcome from results order by spool, sequence").await;
    let taken = rows.iter().map(|row| Taken {
        number: (row.get("spool"), u64::try_from(row.get::<i64, _>("sequence")).unwrap()),
        outcome: serde_json::from_str(row.get("outcome")).unwrap(),
    });
    taken.collect()
}

/// Returns the numbers of every result that the server has taken; each must be there once.
pub(crate) async fn taken_numbers(platform: &Platform) -> BTreeSet<Number> {
    let all: Vec<Number> = taken(platform).await.into_iter().map(|taken| taken.number).collect();
    let numbers: BTreeSet<Number> = all.iter().cloned().collect();
    assert_eq!(numbers.len(), all.len(), "a result was taken twice");
    numbers
}

/// Waits until no delivery waits or runs.
pub(crate) async fn no_delivery_waits(platform: &Platform) {
    let deadline = Instant::now() + PATIENCE;
    while !rows(platform.database_url(), "select id from jobs where kind = 'deliver'").await.is_empty() {
        assert!(Instant::now() < deadline, "a delivery still waits");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Returns the numbers of the results that wait in an agent's spool.
pub(crate) fn spooled(agent: &Agent) -> BTreeSet<Number> {
    let mut found = BTreeSet::new();
    for epoch in std::fs::read_dir(agent.state().join("spool")).unwrap().filter_map(Result::ok) {
        let epoch_name = epoch.file_name().into_string().unwrap();
        let files = std::fs::read_dir(epoch.path()).into_iter().flatten().filter_map(Result::ok);
        let names =
            files.filter_map(|file| file.file_name().into_string().unwrap().strip_suffix(".json")?.parse().ok());
        found.extend(names.map(|number| (epoch_name.clone(), number)));
    }
    found
}

/// Waits until what waits in an agent's spool is as wanted, and returns it.
pub(crate) async fn spool_until(
    agent: &Agent,
    what: &str,
    wanted: impl Fn(&BTreeSet<Number>) -> bool,
) -> BTreeSet<Number> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = spooled(agent);
        if wanted(&found) {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}; the spool holds {found:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns what the agent says of itself.
pub(crate) fn status(agent: &Agent) -> Value {
    let read = || serde_json::from_slice(&std::fs::read(agent.state().join("status.json")).ok()?).ok();
    read().unwrap_or(Value::Null)
}

/// Waits until what the agent says of itself is as wanted.
pub(crate) async fn status_until(agent: &Agent, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = status(agent);
        if wanted(&last) {
            return last;
        }
        assert!(Instant::now() < deadline, "waited in vain for: {what}; the agent says {last:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
