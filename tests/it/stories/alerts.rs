//! From looks to alerts: one bad look is no alert, and one good look is no recovery.

use serde_json::Value;

use crate::stories::full_disk::{Watched, finding, ticket, watched_every};
use crate::support::databases::Database;

async fn until_looked(watched: &Watched, what: &str, wanted: impl Fn(&Value) -> bool) {
    let mount = &watched.disk.mount;
    watched.msp.until("/api/v1/findings", what, |body| finding(body, mount).is_some_and(&wanted)).await;
}

/// Returns the state of the one alert; none if there is none.
async fn alert(watched: &Watched) -> Option<String> {
    let body = watched.msp.get("/api/v1/alerts").await.ok();
    let alerts = body["alerts"].as_array().unwrap();
    assert!(alerts.len() <= 1, "one alert for one condition: {alerts:#?}");
    Some(alerts.first()?["state"].as_str().unwrap().to_owned())
}

// proves T3 (one bad look opens nothing, one good look closes nothing, and each bad look is counted)
#[tokio::test]
async fn one_look_changes_nothing() {
    // Long enough for a test to do something between two looks.
    let watched = watched_every(Database::sqlite(), 4).await;
    assert_eq!(alert(&watched).await, None, "what was never bad is no alert");
    watched.disk.fill();
    until_looked(&watched, "one bad look", |f| f["health"] != "ok").await;
    watched.disk.free();
    assert_eq!(alert(&watched).await.as_deref(), Some("pending"));
    until_looked(&watched, "a good look", |f| f["health"] == "ok").await;
    assert_eq!(alert(&watched).await.as_deref(), Some("closed"));
    assert_eq!(watched.msp.get("/api/v1/tickets").await.ok()["tickets"], serde_json::json!([]));

    watched.disk.fill();
    ticket(&watched.msp, "two bad looks make a ticket", |t| t["state"] == "open").await;
    watched.disk.free();
    until_looked(&watched, "one good look", |f| f["health"] == "ok").await;
    ticket(&watched.msp, "the ticket is still open", |t| t["state"] == "open").await;
    assert_eq!(alert(&watched).await.as_deref(), Some("open"));
    let closed = ticket(&watched.msp, "two good looks close it", |t| t["state"] == "closed").await;

    let bad = watched.bad_looks().await;
    assert_eq!(closed["occurrences"], bad - 1, "all but the one that opened nothing");
}
