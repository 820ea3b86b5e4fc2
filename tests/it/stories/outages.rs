//! Full disks: work waits, says so, and goes on. (Databases and ticketing systems that are away: below `real`.)

use serde_json::json;

use crate::stories::crashes::{arrived, each_look_counted_once};
use crate::stories::full_disk::{ticket, watched_on};
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Platform, Setting};
use crate::support::records::{spool_until, spooled, status_until};
use crate::support::small_disk::SmallDisk;

// proves T3 (a server whose disk is full acknowledges nothing, says so and goes on)
#[tokio::test]
async fn a_server_with_a_full_disk_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let Some(disk) = SmallDisk::mount("a_server_with_a_full_disk_says_so_and_goes_on", &data, 24) else { return };
    let database = Database::at(format!("sqlite://{}", data.join("fitment.sqlite").display()));
    let platform = Platform::start_in(database, Setting { data: Some(data), ..Setting::default() }).await;
    let watched = watched_on(platform).await;
    let (nobody, publisher) = (watched.platform.nobody(), watched.platform.publisher().await);
    let upload = Packing::of("request-tracker").signed_by(&watched.platform.publisher_key);

    disk.fill();
    watched.disk.fill();
    let ready = nobody.answered("/readyz", "the server says that it is not ready", |a| a.status == 503).await;
    assert_eq!(ready.body["waiting_for"], json!(["a write to the database"]));
    assert_eq!(nobody.get("/healthz").await.status, 200);
    let refused = watched.msp.post("/api/v1/clients", json!({ "name": "Somebody" })).await;
    assert_eq!((refused.status, refused.code()), (503, "store-unavailable"));
    let refused = publisher.upload(&upload).await;
    assert_eq!((refused.status, refused.code()), (503, "store-unavailable"));

    status_until(&watched.agent, "the agent is told why", |s| s["problems"]["results"]["code"] == "store-unavailable")
        .await;
    let held = spool_until(&watched.agent, "results wait with the agent", |spool| spool.len() >= 3).await;
    disk.free();
    nobody.answered("/readyz", "the server is ready again", |a| a.status == 200).await;
    arrived(&watched, &held).await;
    ticket(&watched.msp, "a ticket about what happened meanwhile", |t| t["state"] == "open").await;
    each_look_counted_once(&watched).await;
}

// proves A2 (an agent whose own disk is full runs its set, and says so)
#[tokio::test]
async fn an_agent_with_a_full_disk_says_so_and_goes_on() {
    let platform = Platform::start(Database::sqlite()).await;
    let state = platform.scratch().join("agent");
    let Some(disk) = SmallDisk::mount("an_agent_with_a_full_disk_says_so_and_goes_on", &state, 16) else { return };
    let mut watched = watched_on(platform).await;

    disk.fill();
    watched.disk.fill();
    status_until(&watched.agent, "it says so", |s| s["problems"]["spool"]["code"] == "spool-not-durable").await;
    assert!(watched.agent.log_text().contains("make room on the disk of the state folder"));
    ticket(&watched.msp, "its results come all the same", |t| t["state"] == "open").await;

    watched.platform.kill();
    let waiting = |s: &serde_json::Value| s["spool"]["not_on_disk"].as_i64().is_some_and(|n| n >= 3);
    status_until(&watched.agent, "results wait in memory", waiting).await;
    disk.free();
    let saved = |s: &serde_json::Value| s["spool"]["not_on_disk"] == 0 && s["problems"]["spool"].is_null();
    status_until(&watched.agent, "they come to disk when there is room", saved).await;
    watched.agent.kill();
    let held = spooled(&watched.agent);
    assert!(held.len() >= 3, "{held:?}");
    watched.agent.run();
    watched.platform.serve();
    arrived(&watched, &held).await;
    each_look_counted_once(&watched).await;
}
