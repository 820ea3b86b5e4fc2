//! What each side has on record: results that the agent still holds, and results that the server has taken.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fitment_domain::id::{SeriesId, TenantId};
use fitment_domain::series::Tier;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{ObjectsConfig, Store};
use serde_json::Value;
use sqlx::{Connection as _, Row as _};

use super::agent::Agent;
use super::platform::{PATIENCE, Platform, Session};
use super::wire::now;

/// The number of a result: the epoch of its spool, and its sequence in it.
pub(crate) type Number = (String, u64);

/// Reads rows from the server's database, past its store.
pub(crate) async fn rows(url: &str, sql: &'static str) -> Vec<sqlx::any::AnyRow> {
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

/// Returns the numbers of every result that the server has taken; each is there once, by the key of their table.
pub(crate) async fn taken_numbers(platform: &Platform) -> BTreeSet<Number> {
    let rows = rows(platform.database_url(), "select spool, sequence from results").await;
    rows.iter().map(|row| (row.get("spool"), u64::try_from(row.get::<i64, _>("sequence")).unwrap())).collect()
}

/// Returns how many bytes were free on a disk at each look that the server took, in the order of time.
pub(crate) async fn free_bytes(platform: &Platform, msp: &Session, mount: &str) -> Vec<f64> {
    let all = msp.get("/api/v1/series").await.ok();
    let wanted = |s: &&Value| s["condition"] == "space" && s["subject"] == mount && s["name"] == "free";
    let Some(series) = all["series"].as_array().unwrap().iter().find(wanted) else { return Vec::new() };
    let id = SeriesId::parse(series["id"].as_str().unwrap()).unwrap();
    let tenant = TenantId::parse(msp.get("/api/v1/me").await.ok()["tenant"].as_str().unwrap()).unwrap();
    let objects = ObjectsConfig::Folder(platform.data().join("objects"));
    let store = Store::open_as_it_is(platform.database_url(), objects).await.unwrap();
    let mut tx = store.read(Scope::Tenant(tenant)).await.unwrap();
    let looks = tx.series_points(&id, Tier::Raw, UnixMs(0), now()).await.unwrap();
    looks.iter().flat_map(|look| std::iter::repeat_n(look.mean(), look.count as usize)).collect()
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
        // A file that goes while it is looked at holds nothing that waits.
        let segments = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "segment"));
        for text in segments.filter_map(|file| std::fs::read_to_string(file.path()).ok()) {
            let numbers = text.lines().filter_map(|line| line.split(' ').nth(1)?.parse().ok());
            found.extend(numbers.map(|number| (epoch_name.clone(), number)));
        }
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
