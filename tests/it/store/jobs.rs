//! Later work: once, again when asked again, and again when a worker went away.

use std::collections::BTreeSet;

use fitment_domain::id::JobId;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;

use fitment_store::{Job, Store};

use super::fixture::{Msp, fresh, publisher};
use crate::support::databases::Database;

fn id() -> JobId {
    JobId::from_random(fresh())
}

pub(crate) async fn the_same_work_waits_once(database: &Database) {
    let store = database.open().await;
    let (msp, acme) = (Msp::new(&store, "one").await, publisher(&store, "acme").await);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.enqueue(&id(), "deliver", "tic_1", UnixMs(50)).await.unwrap();
    tx.enqueue(&id(), "deliver", "tic_1", UnixMs(20)).await.unwrap();
    tx.enqueue(&id(), "deliver", "tic_1", UnixMs(90)).await.unwrap();
    tx.enqueue(&id(), "deliver", "tic_2", UnixMs(90)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.enqueue(&id(), "deliver", "tic_3", UnixMs(1)).await.unwrap();
    drop(tx);
    for scope in [Scope::Platform, Scope::Publisher(acme)] {
        let mut tx = store.begin(scope).await.unwrap();
        tx.enqueue(&id(), "deliver", "tic_1", UnixMs(95)).await.unwrap();
        tx.commit().await.unwrap();
    }

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let jobs = tx.jobs().await.unwrap();
    let seen: Vec<_> = jobs.iter().map(|j| (j.subject.as_str(), j.due.0, j.tenant.as_ref())).collect();
    let mine = Some(&msp.tenant);
    let expected = [("tic_1", 20, mine), ("tic_2", 90, mine), ("tic_1", 95, None), ("tic_1", 95, None)];
    assert_eq!(seen, expected, "what a transaction asked for and took back is not there");
    assert_eq!(tx.next_due(true).await.unwrap(), Some(UnixMs(20)));
    assert_eq!(tx.claim_due(UnixMs(19), UnixMs(100), 10, 5).await.unwrap(), []);
    assert_eq!(tx.claim_due(UnixMs(20), UnixMs(100), 10, 5).await.unwrap().len(), 1);
}

pub(crate) async fn work_asked_for_while_it_runs_runs_again(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.enqueue(&id(), "plan", "dev_1", UnixMs(10)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let running = tx.claim_due(UnixMs(10), UnixMs(1_000), 10, 5).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    let mut tx = store.begin(msp.scope()).await.unwrap();
    tx.enqueue(&id(), "plan", "dev_1", UnixMs(15)).await.unwrap();
    tx.commit().await.unwrap();

    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.claim_due(UnixMs(20), UnixMs(1_000), 10, 5).await.unwrap(), [], "one at a time");
    assert!(tx.finish_job(&running.id, UnixMs(1_000), running.generation).await.unwrap());
    let again = tx.claim_due(UnixMs(20), UnixMs(1_000), 10, 5).await.unwrap().remove(0);
    assert_eq!((&again.id, again.generation), (&running.id, running.generation + 1));
    assert!(tx.retry_job(&again.id, UnixMs(1_000), again.generation, UnixMs(40), "away").await.unwrap());
    assert_eq!(tx.next_due(true).await.unwrap(), Some(UnixMs(40)));
    let retried = tx.claim_due(UnixMs(40), UnixMs(1_000), 10, 5).await.unwrap().remove(0);
    assert_eq!((retried.attempts, retried.problem.as_deref()), (1, Some("away")));
    assert!(tx.finish_job(&retried.id, UnixMs(1_000), retried.generation).await.unwrap());
    assert_eq!(tx.jobs().await.unwrap(), [], "nothing is left behind");
    assert_eq!(tx.next_due(true).await.unwrap(), None);
}

pub(crate) async fn a_lease_runs_out(database: &Database) {
    let store = database.open().await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    for number in 0..40 {
        tx.enqueue(&id(), "sweep", &number.to_string(), UnixMs(number)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin(Scope::Platform).await.unwrap();
                let jobs = tx.claim_due(UnixMs(100), UnixMs(200), 10, 5).await.unwrap();
                tx.commit().await.unwrap();
                jobs
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    let distinct: BTreeSet<_> = claimed.iter().map(|job| job.id.clone()).collect();
    assert_eq!(distinct.len(), claimed.len(), "no work goes to two workers");

    // The workers went away without a word.
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.claim_due(UnixMs(199), UnixMs(300), 100, 5).await.unwrap().len(), 40 - claimed.len());
    assert_eq!(tx.claim_due(UnixMs(200), UnixMs(300), 100, 5).await.unwrap().len(), claimed.len());
}

/// Claims what is due, which is one job.
async fn claim(store: &Store, now: i64, until: i64) -> Job {
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let mut jobs = tx.claim_due(UnixMs(now), UnixMs(until), 10, 5).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(jobs.len(), 1);
    let job = jobs.remove(0);
    assert_eq!(job.leased_until, Some(UnixMs(until)));
    job
}

async fn ask(store: &Store, due: i64) {
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    tx.enqueue(&id(), "sweep", "all", UnixMs(due)).await.unwrap();
    tx.commit().await.unwrap();
}

pub(crate) async fn a_worker_that_lost_its_lease_touches_nothing(database: &Database) {
    let store = database.open().await;
    ask(&store, 10).await;
    let slow = claim(&store, 10, 100).await;
    let lost = UnixMs(100);
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert!(tx.renew_lease(&slow.id, lost, UnixMs(150)).await.unwrap());
    assert!(!tx.renew_lease(&slow.id, lost, UnixMs(160)).await.unwrap(), "a lease is shown as it is now");
    tx.commit().await.unwrap();
    let successor = claim(&store, 150, 300).await;
    for lost in [lost, UnixMs(150)] {
        let mut tx = store.begin(Scope::Platform).await.unwrap();
        assert!(!tx.renew_lease(&slow.id, lost, UnixMs(500)).await.unwrap());
        assert!(!tx.finish_job(&slow.id, lost, slow.generation).await.unwrap());
        assert!(!tx.finish_job(&slow.id, lost, slow.generation + 1).await.unwrap());
        assert!(!tx.retry_job(&slow.id, lost, slow.generation, UnixMs(400), "away").await.unwrap());
        tx.commit().await.unwrap();
    }
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.jobs().await.unwrap(), std::slice::from_ref(&successor), "the successor's lease is its own");
    assert!(tx.finish_job(&successor.id, UnixMs(300), successor.generation).await.unwrap());
    assert_eq!(tx.jobs().await.unwrap(), []);
}

pub(crate) async fn what_was_asked_for_meanwhile_is_not_put_off(database: &Database) {
    let store = database.open().await;
    ask(&store, 10).await;
    let running = claim(&store, 10, 100).await;
    ask(&store, 20).await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert!(tx.retry_job(&running.id, UnixMs(100), running.generation, UnixMs(5_000), "away").await.unwrap());
    tx.commit().await.unwrap();
    let again = claim(&store, 20, 200).await;
    assert_eq!((again.attempts, again.generation), (1, running.generation + 1));
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert!(tx.retry_job(&again.id, UnixMs(200), again.generation, UnixMs(5_000), "away").await.unwrap());
    assert_eq!(tx.next_due(true).await.unwrap(), Some(UnixMs(5_000)), "nobody asked meanwhile");
}

pub(crate) async fn work_that_is_asked_for_behind_comes_after_what_waits_in_its_lane(database: &Database) {
    let store = database.open().await;
    let behind = async |subject: &str, due: i64| {
        let mut tx = store.begin(Scope::Platform).await.unwrap();
        tx.enqueue_behind(&id(), "compile", subject, UnixMs(due), "compile").await.unwrap();
        tx.commit().await.unwrap();
    };
    behind("greedy", 30).await;
    behind("greedy", 10).await;
    behind("patient", 20).await;
    let running = claim(&store, 25, 100).await;
    assert_eq!(
        (running.subject.as_str(), running.due),
        ("greedy", UnixMs(10)),
        "what waits is due at the earlier time"
    );
    behind("greedy", 26).await;
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert!(tx.finish_job(&running.id, UnixMs(100), running.generation).await.unwrap());
    tx.commit().await.unwrap();
    for (subject, now) in [("patient", 30), ("greedy", 31)] {
        let next = claim(&store, now, 100).await;
        assert_eq!(next.subject, subject);
        let mut tx = store.begin(Scope::Platform).await.unwrap();
        assert!(tx.finish_job(&next.id, UnixMs(100), next.generation).await.unwrap());
        tx.commit().await.unwrap();
    }
}
