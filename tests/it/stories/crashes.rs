//! Programs that are killed, and answers that are lost: what was acknowledged is there, and nothing counts twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::stories::full_disk::{Watched, finding, ticket, watched, watched_on};
use crate::support::cable::Cable;
use crate::support::databases::Database;
use crate::support::platform::{Platform, Setting};
use crate::support::records::{Number, spool_until, spooled, status_until, taken_numbers};

/// Frees the disk, waits until the ticket closes, and compares: the ticket counts every bad look that the server took, once.
pub(crate) async fn each_look_counted_once(watched: &Watched) {
    watched.disk.free();
    let closed = ticket(&watched.msp, "the ticket closes", |t| t["state"] == "closed").await;
    assert_eq!(closed["occurrences"], watched.bad_looks().await, "{closed:#}");
}

/// Waits until the agent holds none of these any more, and checks that the server has taken all of them.
pub(crate) async fn arrived(watched: &Watched, held: &BTreeSet<Number>) {
    spool_until(&watched.agent, "what was spooled is acknowledged", |spool| spool.is_disjoint(held)).await;
    let taken = taken_numbers(&watched.platform).await;
    let lost: Vec<_> = held.difference(&taken).collect();
    assert!(lost.is_empty(), "acknowledged, but not there: {lost:?}");
}

/// The server dies, the agent goes on and dies too, starts without a server, and brings everything when there is one again.
pub(crate) async fn the_agent_is_killed_before_the_acknowledgement(database: Database) {
    let mut watched = watched(database).await;
    watched.platform.kill();
    watched.disk.fill();
    spool_until(&watched.agent, "the agent goes on without a server", |spool| spool.len() >= 4).await;
    watched.agent.kill();
    let before = spooled(&watched.agent);

    watched.agent.run();
    let more = |spool: &BTreeSet<Number>| spool.len() >= before.len() + 2;
    let held = spool_until(&watched.agent, "the restarted agent goes on with the set it has", more).await;
    assert!(before.is_subset(&held), "a kill takes nothing out of the spool");

    watched.platform.serve();
    arrived(&watched, &held).await;
    let made = ticket(&watched.msp, "a ticket about what happened meanwhile", |t| t["state"] == "open").await;
    let findings = watched.msp.get("/api/v1/findings").await.ok();
    let changed = finding(&findings, &watched.disk.mount).unwrap()["changed_ms"].as_i64().unwrap();
    let waited_ms = made["created_ms"].as_i64().unwrap() - changed;
    assert!(waited_ms > 2_000, "a finding has the time of the look, not of its arrival: {waited_ms} ms");
    each_look_counted_once(&watched).await;
}

/// The server commits a result, and its answer never reaches the agent, which dies too.
pub(crate) async fn the_acknowledgement_is_lost(database: Database) {
    let cable = Cable::lay().await;
    let setting = Setting { agents_address: Some(cable.address()), ..Setting::default() };
    let platform = Platform::start_in(database, setting).await;
    cable.lead_to(&platform.agents_url());
    let mut watched = watched_on(platform).await;
    watched.disk.fill();
    ticket(&watched.msp, "a ticket about the full disk", |t| t["state"] == "open").await;

    let held = loop {
        cable.lose_the_next_answer().await;
        let held = spooled(&watched.agent);
        if !held.is_disjoint(&taken_numbers(&watched.platform).await) {
            break held;
        }
        // It was the answer to some other request.
        cable.mend();
        arrived(&watched, &held).await;
    };
    watched.agent.kill();
    watched.agent.run();
    cable.mend();
    arrived(&watched, &held).await;
    each_look_counted_once(&watched).await;
}

/// SIGTERM while an agent waits in its long poll and brings a result every second, again and again.
pub(crate) async fn the_server_is_told_to_stop(database: Database) {
    let mut watched = watched(database).await;
    for _ in 0..3 {
        status_until(&watched.agent, "the agent is in touch", |status| status["problems"] == serde_json::json!({}))
            .await;
        tokio::time::sleep(Duration::from_millis(1_300)).await;
        let began = Instant::now();
        watched.platform.stop();
        assert!(began.elapsed() < Duration::from_secs(10), "stopping took {:?}", began.elapsed());
        watched.platform.serve();
    }
    watched.agent.kill();
    let mut all = taken_numbers(&watched.platform).await;
    all.extend(spooled(&watched.agent));
    let epoch = all.first().unwrap().0.clone();
    let expected: BTreeSet<Number> = (1..=all.len() as u64).map(|sequence| (epoch.clone(), sequence)).collect();
    assert_eq!(all, expected, "every result is taken, or still with the agent");
}

// proves T3 (a result that was spooled is counted once, whoever is killed), A2 (an agent runs its set without the centre)
#[tokio::test]
async fn an_agent_killed_before_the_acknowledgement_loses_nothing_on_sqlite() {
    the_agent_is_killed_before_the_acknowledgement(Database::sqlite()).await;
}

// proves T3 (a result whose acknowledgement was lost is counted once)
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_acknowledgement_changes_nothing_on_sqlite() {
    the_acknowledgement_is_lost(Database::sqlite()).await;
}

// proves T3 (nothing that was acknowledged is lost when the server stops)
#[tokio::test]
async fn a_server_that_is_told_to_stop_does_so_soon_and_loses_nothing() {
    the_server_is_told_to_stop(Database::sqlite()).await;
}
