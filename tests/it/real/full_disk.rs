//! A filled disk becomes a ticket: on PostgreSQL, and in a real Request Tracker.

use serde_json::json;

use crate::stories::full_disk::{Watched, story, ticket, watched};
use crate::support::databases::Database;
use crate::support::tracker::Tracker;

// proves T3 (made by a monitor, updated and closed as the situation changes), C2 (a monitor on a device)
#[tokio::test]
async fn a_filled_disk_becomes_a_ticket_on_postgresql() {
    story(Database::postgres()).await;
}

/// Publishes the connector and connects it.
pub(crate) async fn connect(watched: &Watched, url: &str, token: &str) {
    watched.platform.publish("request-tracker").await;
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": url,
        "secrets": { "token": token }, "consent": ["http"] });
    watched.msp.post("/api/v1/connections", body).await.ok();
}

async fn story_with_tracker(database: Database) {
    let watched = watched(database).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token()).await;

    watched.disk.fill();
    let made = ticket(&watched.msp, "the ticket is in Request Tracker", |t| !t["external_number"].is_null()).await;
    let reference = format!("fitment:{}", made["id"].as_str().unwrap());
    assert_eq!(tracker.tickets_with(&reference).await, [made["external_number"].as_str().unwrap()]);
    let there = tracker.get(&format!("ticket/{}", made["external_number"].as_str().unwrap())).await;
    assert_eq!(there["Status"], "new");
    assert_eq!(there["Priority"], "50");
    assert!(there["Subject"].as_str().unwrap().contains(&watched.disk.mount), "{there:#}");

    watched.disk.free();
    ticket(&watched.msp, "the ticket closes", |t| t["state"] == "closed").await;
    let there = tracker.get(&format!("ticket/{}", made["external_number"].as_str().unwrap())).await;
    assert_eq!(there["Status"], "resolved");
    assert_eq!(tracker.tickets_with(&reference).await.len(), 1);
}

// proves T3 (made by a monitor in a real Request Tracker), C2 (a ticketing connector on the server)
#[tokio::test]
async fn a_filled_disk_becomes_a_ticket_in_request_tracker_on_sqlite() {
    story_with_tracker(Database::sqlite()).await;
}

// proves T3 (made by a monitor in a real Request Tracker), C2 (a ticketing connector on the server)
#[tokio::test]
async fn a_filled_disk_becomes_a_ticket_in_request_tracker_on_postgresql() {
    story_with_tracker(Database::postgres()).await;
}
