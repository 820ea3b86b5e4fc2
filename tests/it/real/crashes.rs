//! Programs that are killed: on PostgreSQL, and while they speak with a real Request Tracker.

use crate::real::tickets::{connect, reference};
use crate::stories::crashes::{the_acknowledgement_is_lost, the_agent_is_killed_before_the_acknowledgement};
use crate::stories::full_disk::{ticket, watched};
use crate::support::databases::Database;
use crate::support::records::no_delivery_waits;
use crate::support::relay::Relay;
use crate::support::tracker::Tracker;

// proves T3 (a result that was spooled is counted once, whoever is killed), A2 (an agent runs its set without the centre)
#[tokio::test]
async fn an_agent_killed_before_the_acknowledgement_loses_nothing_on_postgresql() {
    the_agent_is_killed_before_the_acknowledgement(Database::postgres()).await;
}

// proves T3 (a result whose acknowledgement was lost is counted once)
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_changes_nothing_on_postgresql() {
    the_acknowledgement_is_lost(Database::postgres()).await;
}

const TICKETS: &str = "/REST/2.0/ticket";

/// Request Tracker has made the ticket and says so, and the server dies before it hears it. Later it dies once more, between
/// its note on a touched ticket and the record of that.
async fn the_server_is_killed_before_it_hears_the_answer(database: Database) {
    let mut watched = watched(database).await;
    let tracker = Tracker::start(&watched.platform.http);
    let relay = Relay::before(tracker.port()).await;
    connect(&watched, &relay.url(), &tracker.token(), "resolved").await;

    relay.kill_at("POST", TICKETS, 201, watched.platform.pid());
    watched.disk.fill();
    relay.killed().await;
    watched.platform.kill();
    watched.platform.serve();
    let made = ticket(&watched.msp, "the ticket is found again", |t| !t["external_number"].is_null()).await;
    let number = made["external_number"].as_str().unwrap().to_owned();
    assert_eq!(
        tracker.tickets_with(&reference(&made)).await,
        [number.as_str()],
        "one ticket, and ours carries its number"
    );
    assert_eq!(relay.count("POST", TICKETS, 201), 1);

    tracker.technician_comments(&number, "I am on it.").await;
    let comments = format!("{TICKETS}/{number}/comment");
    relay.kill_at("POST", &comments, 201, watched.platform.pid());
    watched.disk.free();
    relay.killed().await;
    watched.platform.kill();
    watched.platform.serve();
    no_delivery_waits(&watched.platform).await;
    assert_eq!(relay.count("POST", &comments, 201), 1, "one note, however often the job is repeated");
    let comments = tracker.comments(&number).await;
    assert_eq!(comments.len(), 2, "the technician's and ours: {comments:?}");
    assert!(comments[1].contains("technician wrote a note"), "it is not taken for touched by ourselves: {comments:?}");
    ticket(&watched.msp, "it stays open: somebody works on it", |t| t["state"] == "open").await;
    assert_eq!(tracker.get(&format!("ticket/{number}")).await["Status"], "new");
    assert_eq!(tracker.tickets_with(&reference(&made)).await.len(), 1);
}

// proves T3 (one ticket in a real Request Tracker and one note on it, also when the server is killed in between)
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_before_it_hears_of_its_ticket_makes_no_second_one_on_sqlite() {
    the_server_is_killed_before_it_hears_the_answer(Database::sqlite()).await;
}

// proves T3 (one ticket in a real Request Tracker and one note on it, also when the server is killed in between)
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_before_it_hears_of_its_ticket_makes_no_second_one_on_postgresql() {
    the_server_is_killed_before_it_hears_the_answer(Database::postgres()).await;
}
