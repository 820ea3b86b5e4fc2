//! What is away comes back: a real PostgreSQL, a real Request Tracker.

use serde_json::{Value, json};

use crate::real::tickets::{connect, connection_until, reference};
use crate::stories::crashes::{arrived, each_look_counted_once};
use crate::stories::full_disk::{ticket, watched};
use crate::support::databases::{Cluster, Database};
use crate::support::platform::Platform;
use crate::support::records::{no_delivery_waits, spool_until, status_until};
use crate::support::tracker::Tracker;

/// Makes a cluster of its own whose commits survive its end: the tests' usual settings give that up for speed.
async fn durable_cluster() -> (Cluster, Database) {
    use sqlx::{Connection as _, Executor as _};
    let cluster = Cluster::start();
    let url = cluster.create_database();
    sqlx::any::install_default_drivers();
    let mut superuser = sqlx::AnyConnection::connect(&url.replace("//fitment@", "//postgres@")).await.unwrap();
    superuser.execute("alter role fitment set synchronous_commit = on").await.unwrap();
    superuser.close().await.unwrap();
    (cluster, Database::at(url))
}

// proves T3 (a server whose database is away acknowledges nothing, says so and goes on)
#[tokio::test]
async fn a_database_that_is_away_comes_back() {
    let (cluster, database) = durable_cluster().await;
    let watched = watched(database).await;
    let nobody = watched.platform.nobody();

    cluster.stop();
    watched.disk.fill();
    let ready = nobody.answered("/readyz", "the server says that it is not ready", |a| a.status == 503).await;
    assert_eq!(ready.body["waiting_for"], json!(["a write to the database"]));
    assert_eq!(nobody.get("/healthz").await.status, 200);
    let refused = watched.msp.get("/api/v1/tickets").await;
    assert_eq!((refused.status, refused.code()), (503, "store-unavailable"));
    status_until(&watched.agent, "the agent is told why", |s| s["problems"]["results"]["code"] == "store-unavailable")
        .await;
    let held = spool_until(&watched.agent, "results wait with the agent", |spool| spool.len() >= 4).await;

    cluster.start_again();
    nobody.answered("/readyz", "the server is ready again, by itself", |a| a.status == 200).await;
    arrived(&watched, &held).await;
    ticket(&watched.msp, "a ticket about what happened meanwhile", |t| t["state"] == "open").await;
    each_look_counted_once(&watched).await;
}

#[tokio::test]
async fn a_server_that_starts_before_its_database_waits_and_says_so() {
    let cluster = Cluster::start();
    let mut platform = Platform::start(Database::at(cluster.create_database())).await;
    platform.stop();
    cluster.stop();
    platform.serve_without_database();
    let nobody = platform.nobody();
    let ready = nobody.get("/readyz").await;
    assert_eq!((ready.status, &ready.body["waiting_for"]), (503, &json!(["the database"])));
    let refused = nobody.get("/api/v1/me").await;
    assert_eq!((refused.status, refused.code()), (503, "busy"));
    assert_eq!(nobody.get("/healthz").await.status, 200);
    cluster.start_again();
    nobody.answered("/readyz", "the server goes on by itself", |a| a.status == 200).await;
}

fn says(ticket: &Value, words: &str) -> bool {
    ticket["problem"].as_str().is_some_and(|problem| problem.contains(words))
}

// proves T3 (a ticket waits for a Request Tracker that is away or refuses the credential, says so, and is made once)
#[tokio::test]
async fn a_request_tracker_that_is_away_or_refuses_us_comes_back() {
    let watched = watched(Database::sqlite()).await;
    let tracker = Tracker::start(&watched.platform.http);
    connect(&watched, &tracker.url(), &tracker.token(), "resolved").await;
    connection_until(&watched, "ok").await;

    tracker.withdraw_token();
    watched.disk.fill();
    let waiting = ticket(&watched.msp, "the ticket says why it waits", |t| says(t, "refuses the token")).await;
    assert_eq!(waiting["external_number"], Value::Null);
    connection_until(&watched, "auth-failed").await;

    tracker.script("stop");
    connection_until(&watched, "away").await;
    ticket(&watched.msp, "the ticket says what is wrong now", |t| says(t, "") && !says(t, "refuses the token")).await;

    tracker.give_token_back();
    tracker.script("start");
    let made =
        ticket(&watched.msp, "the ticket is made", |t| !t["external_number"].is_null() && t["problem"].is_null()).await;
    let connection = connection_until(&watched, "ok").await;
    assert_eq!(connection["problem"], Value::Null);
    assert_eq!(tracker.tickets_with(&reference(&made)).await, [made["external_number"].as_str().unwrap()]);

    watched.disk.free();
    ticket(&watched.msp, "and closes like any other", |t| t["state"] == "closed").await;
    no_delivery_waits(&watched.platform).await;
}
