//! Tickets in a real Request Tracker: those that it refuses without saying so, and those that somebody works on.

use std::process::Command;

use serde_json::{Value, json};

use crate::stories::backup::run;
use crate::stories::full_disk::{Watched, ticket, watched};
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::Platform;
use crate::support::records::no_delivery_waits;
use crate::support::relay::Relay;
use crate::support::tracker::Tracker;

/// Publishes the connector, with calls that end soon, so that no test waits long for one to be over; and connects it.
pub(crate) async fn connect(watched: &Watched, url: &str, token: &str, closed_status: &str) {
    let hasty = Packing::of("request-tracker").manifest(|m| m.budget.wall_ms_max = Some(8_000));
    let parts = hasty.signed_by(&watched.platform.publisher_key);
    watched.platform.publish_parts("request-tracker", "0.1.0", &parts).await;
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": url,
        "secrets": { "token": token }, "consent": ["http"], "closed_status": closed_status });
    watched.msp.post("/api/v1/connections", body).await.ok();
}

/// Returns the reference under which a ticket of ours is found in the other system.
pub(crate) fn reference(ticket: &Value) -> String {
    format!("fitment:{}", ticket["id"].as_str().unwrap())
}

/// Waits until the one connection is in this state.
pub(crate) async fn connection_until(watched: &Watched, state: &str) -> Value {
    let wanted = |body: &Value| body["connections"][0]["state"] == state;
    let what = format!("the connection is {state}");
    watched.msp.until("/api/v1/connections", &what, wanted).await["connections"][0].clone()
}

/// Gives the category of full disks another board.
async fn set_board(watched: &Watched, board: &str) {
    let list = watched.msp.get("/api/v1/categories").await.ok();
    let mut category =
        list["categories"].as_array().unwrap().iter().find(|c| c["name"] == "Disk Drive").unwrap().clone();
    let id = category.as_object_mut().unwrap().remove("id").unwrap();
    category["board"] = json!(board);
    watched.msp.put(&format!("/api/v1/categories/{}", id.as_str().unwrap()), category).await.ok();
}

// proves T3 (what Request Tracker refuses is named on the ticket, and goes on when it is mended)
#[tokio::test]
async fn what_request_tracker_refuses_in_silence_is_said_aloud() {
    let watched = watched(Database::sqlite()).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token(), "done").await;

    set_board(&watched, "Nowhere").await;
    watched.disk.fill();
    let named = |t: &Value, field: &str| t["problem"].as_str().is_some_and(|problem| problem.contains(field));
    let refused =
        ticket(&watched.msp, "the ticket names the board", |t| named(t, "board: Request Tracker has no queue")).await;
    assert_eq!((&refused["board"], &refused["external_number"]), (&json!("Nowhere"), &Value::Null));
    let connection = connection_until(&watched, "ok").await;
    assert_eq!(connection["problem"], Value::Null, "it is the ticket that is refused, not we");

    set_board(&watched, "Projects").await;
    let made =
        ticket(&watched.msp, "the ticket is made", |t| !t["external_number"].is_null() && t["problem"].is_null()).await;
    assert_eq!(made["board"], "Projects");
    let number = made["external_number"].as_str().unwrap();
    assert_eq!(tracker.tickets_with(&reference(&made)).await, [number]);
    assert_eq!(tracker.get(&format!("ticket/{number}?fields%5BQueue%5D=Name")).await["Queue"]["Name"], "Projects");

    // A status that it does not know is answered with 200.
    watched.disk.free();
    ticket(&watched.msp, "the ticket names the status", |t| t["state"] == "open" && named(t, "status:")).await;
    assert_eq!(tracker.get(&format!("ticket/{number}")).await["Status"], "new");
}

// proves M8 (of two changes of a connection at once none is undone in silence)
#[tokio::test]
async fn a_change_of_a_connection_undoes_no_other_that_came_while_it_was_tried() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let tracker = Tracker::start(&platform.http);
    let relay = Relay::before(tracker.port()).await;
    platform.publish("request-tracker").await;
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": relay.url(),
        "secrets": { "token": tracker.token() }, "consent": ["http"] });
    let made = msp.post("/api/v1/connections", body).await.ok();
    let path = format!("/api/v1/connections/{}", made["connection"]["id"].as_str().unwrap());

    relay.delay(700);
    let slow = json!({ "config": { "account": "fitment" } });
    let quick = async {
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        msp.patch(&path, json!({ "name": "Acme's RT", "closed_status": "rejected" })).await
    };
    let (slow_answer, quick) = tokio::join!(msp.patch(&path, slow.clone()), quick);
    assert_eq!(quick.status, 200, "{quick:#?}");
    assert_eq!((slow_answer.status, slow_answer.code()), (409, "changed-meanwhile"));
    relay.delay(0);
    let again = msp.patch(&path, slow).await.ok();
    let connection = &again["connection"];
    assert_eq!((&connection["name"], &connection["closed_status"]), (&json!("Acme's RT"), &json!("rejected")));
}

// proves T3 (what was delivered after a backup is found again after its restore, not made twice)
#[tokio::test]
async fn after_a_restore_what_was_delivered_since_the_backup_is_not_delivered_twice() {
    let mut watched = watched(Database::sqlite()).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token(), "resolved").await;
    set_board(&watched, "Nowhere").await;
    watched.disk.fill();
    let waits = ticket(&watched.msp, "the ticket waits", |t| !t["problem"].is_null()).await;
    let path = format!("/api/v1/tickets/{}", waits["id"].as_str().unwrap());
    watched.msp.post(&format!("{path}/notes"), json!({ "body": "On my way." })).await.ok();
    // The try that the note asked for ends: at the time of the backup nothing is under way.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let to = Database::sqlite();
    let (backup, data) = (watched.platform.scratch().join("backup"), watched.platform.scratch().join("restored"));
    let (backup_text, own) = (backup.display().to_string(), watched.platform.database_url().to_owned());
    let made = run(&watched.platform, "backup", &watched.platform.data(), &own, &["--to", &backup_text]);
    assert!(made.status.success(), "{made:?}");

    // Now it gets there, and the backup does not know.
    set_board(&watched, "Projects").await;
    let made = ticket(&watched.msp, "the ticket is made", |t| !t["external_number"].is_null()).await;
    no_delivery_waits(&watched.platform).await;
    let number = made["external_number"].as_str().unwrap();
    assert_eq!(tracker.comments(number).await.len(), 1);
    watched.platform.kill();
    let keys = data.join("keys");
    let restored = run(&watched.platform, "restore", &data, &to.url, &["--from", &backup_text]);
    assert!(restored.status.success(), "{restored:?}");
    let copied = Command::new("cp").arg("-a").arg(watched.platform.data().join("keys")).arg(&keys).status();
    assert!(copied.unwrap().success());
    watched.platform.move_to(to, data);
    watched.platform.serve();
    watched.msp = watched.platform.msp().await;

    set_board(&watched, "Projects").await;
    ticket(&watched.msp, "the ticket is found", |t| t["external_number"] == number).await;
    no_delivery_waits(&watched.platform).await;
    assert_eq!(tracker.tickets_with(&reference(&made)).await, [number]);
    assert_eq!(tracker.comments(number).await.len(), 1, "the note is there once");
}

/// Returns whether the newest alert is in this state.
fn alert_is(body: &Value, state: &str) -> bool {
    body["alerts"][0]["state"] == state
}

/// Fills a disk, and waits until its ticket is in a Request Tracker of this test's own.
async fn made_in_tracker() -> (Watched, Tracker, Value) {
    let watched = watched(Database::sqlite()).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token(), "resolved").await;
    watched.disk.fill();
    let made = ticket(&watched.msp, "the ticket is made", |t| !t["external_number"].is_null()).await;
    (watched, tracker, made)
}

// proves T3 (closed only if nobody touched it; a touched ticket is told why it stays open, and counts what happens again)
#[tokio::test]
async fn a_ticket_that_somebody_works_on_stays_open() {
    let (watched, tracker, made) = made_in_tracker().await;
    let number = made["external_number"].as_str().unwrap();
    tracker.technician_comments(number, "I am on it.").await;

    watched.disk.free();
    watched.msp.until("/api/v1/alerts", "the condition clears", |body| alert_is(body, "closed")).await;
    no_delivery_waits(&watched.platform).await;
    let comments = tracker.comments(number).await;
    assert_eq!(comments.len(), 2, "the technician's and ours: {comments:?}");
    assert!(comments[1].contains("stays open because technician wrote a note"), "{comments:?}");
    assert_eq!(tracker.get(&format!("ticket/{number}")).await["Status"], "new");
    let open = ticket(&watched.msp, "ours stays open too", |t| t["state"] == "open").await;

    // It happens again: the same ticket goes on, and its reader is told.
    watched.disk.fill();
    let more = |t: &Value| t["occurrences"].as_i64() > open["occurrences"].as_i64();
    ticket(&watched.msp, "the same ticket counts it", more).await;
    no_delivery_waits(&watched.platform).await;
    assert_eq!(tracker.tickets_with(&reference(&made)).await, [number]);
    let comments = tracker.comments(number).await;
    assert!(comments.len() == 3 && comments[2].contains("The condition is back"), "{comments:?}");
}

// proves T3 (a touched ticket stays touched, and one that was resolved there gets a successor when the condition is back)
#[tokio::test]
async fn a_ticket_that_was_resolved_there_gets_a_successor() {
    let (watched, tracker, made) = made_in_tracker().await;
    let number = made["external_number"].as_str().unwrap();

    // The technician writes no word, and ours is the last change there when it clears the second time.
    tracker.technician_sets(number, json!({ "Owner": "technician" })).await;
    for _ in 0..2 {
        watched.disk.free();
        watched.msp.until("/api/v1/alerts", "the condition clears", |body| alert_is(body, "closed")).await;
        no_delivery_waits(&watched.platform).await;
        assert_eq!(tracker.get(&format!("ticket/{number}")).await["Status"], "new", "somebody owns it");
        watched.disk.fill();
        watched.msp.until("/api/v1/alerts", "the condition is back", |body| alert_is(body, "open")).await;
        no_delivery_waits(&watched.platform).await;
    }

    watched.disk.free();
    watched.msp.until("/api/v1/alerts", "the condition clears", |body| alert_is(body, "closed")).await;
    no_delivery_waits(&watched.platform).await;
    tracker.technician_sets(number, json!({ "Status": "resolved" })).await;
    watched.disk.fill();
    let two = |body: &Value| {
        body["tickets"].as_array().unwrap().iter().filter(|t| !t["external_number"].is_null()).count() == 2
    };
    let list = watched.msp.until("/api/v1/tickets", "a second ticket is there", two).await;
    let (new, old) = (&list["tickets"][0], &list["tickets"][1]);
    assert_eq!((&new["state"], &old["state"]), (&json!("open"), &json!("closed")), "{list:#}");
    assert_eq!((&old["external_number"], &new["alert"]), (&made["external_number"], &made["alert"]));
    assert_eq!(tracker.tickets_with(&reference(new)).await.len(), 1);
    assert_eq!(tracker.get(&format!("ticket/{number}")).await["Status"], "resolved", "what was resolved stays so");
}
