//! A filled disk becomes a ticket.

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::disk::Disk;
use crate::support::platform::{Platform, Session};
use crate::support::records::free_bytes;

/// Everything up to an agent that watches a disk.
pub(crate) struct Watched {
    // Dropped in this order: the agent, the disk, the server.
    pub(crate) agent: Agent,
    pub(crate) disk: Disk,
    pub(crate) msp: Session,
    pub(crate) device: String,
    pub(crate) platform: Platform,
}

impl Watched {
    /// Counts the looks that the server took and that found the disk full, by the numbers that they brought along.
    pub(crate) async fn bad_looks(&self) -> usize {
        let looks = free_bytes(&self.platform, &self.msp, &self.disk.mount).await;
        looks.into_iter().filter(|free| self.disk.is_full_with(*free)).count()
    }
}

/// Publishes `fitment/disk-space`, enrols an agent and installs the monitor on it, looking every second.
pub(crate) async fn watched(database: Database) -> Watched {
    watched_every(database, 1).await
}

/// The same, looking at another interval.
pub(crate) async fn watched_every(database: Database, interval_s: u64) -> Watched {
    watch(Platform::start(database).await, interval_s).await
}

/// The same on a platform that is there.
pub(crate) async fn watched_on(platform: Platform) -> Watched {
    watch(platform, 1).await
}

async fn watch(platform: Platform, interval_s: u64) -> Watched {
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let disk = Disk::new(platform.scratch(), "disk");
    install_every(&msp, &disk, interval_s).await;
    msp.until("/api/v1/findings", "the first finding", |body| finding(body, &disk.mount).is_some()).await;
    Watched { agent, disk, msp, device, platform }
}

/// Installs the monitor for a disk on all devices.
async fn install_every(msp: &Session, disk: &Disk, interval_s: u64) -> Value {
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "config": disk.config(),
        "consent": ["metrics"], "interval_s": interval_s });
    msp.post("/api/v1/installations", body).await.ok()
}

/// Returns the finding about the space of a mount.
pub(crate) fn finding<'a>(body: &'a Value, mount: &str) -> Option<&'a Value> {
    body["findings"].as_array()?.iter().find(|f| f["condition"] == "space" && f["subject"] == mount)
}

/// Waits for the one ticket about the disk to be as wanted.
pub(crate) async fn ticket(msp: &Session, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let body = msp.until("/api/v1/tickets", what, |body| body["tickets"].as_array().unwrap().iter().any(&wanted)).await;
    let tickets = body["tickets"].as_array().unwrap();
    assert_eq!(tickets.len(), 1, "one ticket for one condition: {tickets:#?}");
    tickets[0].clone()
}

/// From publishing to a closed ticket, with our own tickets alone.
pub(crate) async fn story(database: Database) {
    let watched = watched(database).await;
    let msp = &watched.msp;
    let body = msp.get("/api/v1/findings").await.ok();
    assert_eq!(finding(&body, &watched.disk.mount).unwrap()["health"], "ok");

    watched.disk.fill();
    let made = ticket(msp, "a ticket about the full disk", |t| t["state"] == "open").await;
    assert_eq!(made["source"], "automatic");
    assert_eq!(made["category"], "Disk Drive");
    assert_eq!(made["board"], "Alerts");
    assert_eq!(made["device"], watched.device);
    let alerts = msp.get("/api/v1/alerts").await.ok();
    let open: Vec<&Value> = alerts["alerts"].as_array().unwrap().iter().filter(|a| a["state"] == "open").collect();
    assert_eq!(open.len(), 1, "{alerts:#}");
    assert_eq!(open[0]["id"], made["alert"]);

    // The condition goes on: the same ticket counts it.
    let before = made["occurrences"].as_i64().unwrap();
    ticket(msp, "the ticket counts what happens again", |t| t["occurrences"].as_i64().unwrap() > before + 1).await;

    watched.disk.free();
    ticket(msp, "the ticket closes when the condition clears", |t| t["state"] == "closed").await;
}

// proves T3 (what a removed installation leaves behind is closed)
#[tokio::test]
async fn removing_an_installation_closes_what_nobody_would_clear_any_more() {
    let watched = watched(Database::sqlite()).await;
    let msp = &watched.msp;
    watched.disk.fill();
    ticket(msp, "a ticket about the full disk", |t| t["state"] == "open").await;
    let list = msp.get("/api/v1/installations").await.ok();
    let installation = list["installations"][0]["id"].as_str().unwrap();
    assert_eq!(msp.delete(&format!("/api/v1/installations/{installation}")).await.status, 204);
    let alerts = msp.get("/api/v1/alerts").await.ok();
    assert!(alerts["alerts"].as_array().unwrap().iter().all(|a| a["state"] == "closed"), "{alerts:#}");
    ticket(msp, "its ticket closes with it", |t| t["state"] == "closed").await;
}

// proves T3 (made by a monitor, updated and closed as the situation changes), C2 (a monitor on a device), A2 (an agent runs a set with its time)
#[tokio::test]
async fn a_filled_disk_becomes_a_ticket_on_sqlite() {
    story(Database::sqlite()).await;
}
