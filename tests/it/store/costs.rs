//! What releases cost and what happened to them: over all tenants, without their names.

use fitment_domain::budget::Usage;
use fitment_domain::cost::{Tally, bucket, bucket_max};
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::tenant::Scope;
use fitment_store::{Signal, StoreError};
use sqlx::Connection as _;

use super::fixture::{Msp, NOW, scalar};
use crate::support::databases::Database;

fn result(msp: &Msp, wall_us: u64, outcome: Outcome) -> RunResult {
    let usage = Usage { wall_us, cpu_us: wall_us / 2, ..Usage::default() };
    RunResult {
        version: None,
        sequence: 1,
        installation: msp.installation.clone(),
        started: NOW,
        usage,
        outcome,
        log: vec![],
    }
}

// proves C3 (every run returns what it cost)
pub(crate) async fn what_a_release_costs_is_counted_without_names(database: &Database) {
    let store = database.open().await;
    let (one, two) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let release = one.release.clone();
    for (msp, walls) in [(&one, 1..=98_u64), (&two, 900..=901)] {
        let mut tally = Tally::default();
        walls.for_each(|wall| tally.add(&release, &result(msp, wall, Outcome::Findings(Vec::new()))));
        let (kind, message) = ("trapped".to_owned(), "why".to_owned());
        tally.add(&release, &result(msp, 0, Outcome::Failed { kind, message }));
        // Twice: what comes later is added.
        for _ in 0..2 {
            let mut tx = store.begin(msp.scope()).await.unwrap();
            tx.add_costs(&tally, msp.device.as_str()).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    let mut tx = store.read(Scope::Platform).await.unwrap();
    let costs = tx.release_costs(&release).await.unwrap();
    let wall = &costs["wall_us"];
    assert_eq!(
        (wall.runs(), costs["cpu_us"].runs(), costs["end:findings"].runs(), costs["end:trapped"].runs()),
        (200, 200, 200, 4)
    );
    assert_eq!(wall.percentile(500), Some(bucket_max(bucket(50))));
    assert_eq!(wall.percentile(990), Some(bucket_max(bucket(900))), "of the second tenant");
    drop(tx);
    let mut tx = store.read(one.scope()).await.unwrap();
    assert_eq!(tx.release_costs(&release).await, Err(StoreError::Scope { needed: "publisher" }));
}

pub(crate) async fn what_several_saw_of_a_release_is_counted_once_each(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let release = msp.release.clone();
    let since = NOW;
    let mut counted = Vec::new();
    for witness in ["dev_1", "dev_1", "dev_2", "dev_3", "dev_2"] {
        let mut tx = store.begin(msp.scope()).await.unwrap();
        let signal = Signal { kind: "quarantined", words: "", place: "tenant", witness, open: false };
        counted.push(tx.note_signal(&release, &signal, since, NOW).await.unwrap().witnesses);
        tx.commit().await.unwrap();
    }
    assert_eq!(counted, [1, 1, 2, 3, 3]);
    let mut tx = store.begin(msp.scope()).await.unwrap();
    for number in 0..60 {
        let words = format!("wasm trap: {number}");
        let signal = Signal { kind: "trapped", words: &words, place: "", witness: "tenant", open: number == 0 };
        tx.note_signal(&release, &signal, since, NOW.plus_ms(1)).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    assert_eq!(tx.quarantines(&release, since).await.unwrap(), 3);
    assert_eq!(tx.quarantines(&release, NOW.plus_ms(1)).await.unwrap(), 0, "what is old does not count");
    let rows = tx.release_signals(&release, since).await.unwrap();
    let traps = rows.iter().filter(|row| row.kind == "trapped");
    assert_eq!(
        (traps.clone().count(), traps.filter(|row| row.open).count()),
        (50, 1),
        "so many different ones and no more"
    );
    let quarantined = rows.iter().find(|row| row.kind == "quarantined").unwrap();
    assert_eq!((quarantined.witnesses, quarantined.times), (3, 5));
    assert!(tx.note_told(&release, "quarantined", NOW).await.unwrap());
    assert!(!tx.note_told(&release, "quarantined", NOW).await.unwrap(), "once");
    assert!(tx.release(&release).await.unwrap().unwrap().quarantined);
    tx.commit().await.unwrap();
    // Of one trap, what the publisher's own test tenant saw and what an MSP saw stand apart.
    let mut tx = store.begin(msp.scope()).await.unwrap();
    let signal = Signal { kind: "trapped", words: "wasm trap: 0", place: "", witness: "other", open: false };
    let seen = tx.note_signal(&release, &signal, since, NOW.plus_ms(2)).await.unwrap();
    assert_eq!((seen.witnesses, seen.told), (2, false));
    tx.commit().await.unwrap();
    let mut tx = store.begin(Scope::Platform).await.unwrap();
    let rows = tx.release_signals(&release, since).await.unwrap();
    let both: Vec<_> =
        rows.iter().filter(|row| row.words == "wasm trap: 0").map(|row| (row.open, row.witnesses, row.times)).collect();
    assert_eq!(both, [(false, 1, 1), (true, 1, 1)]);
    // What is old goes, also that it was told.
    tx.forget_signals(NOW.plus_ms(1)).await.unwrap();
    assert_eq!(tx.quarantines(&release, since).await.unwrap(), 0);
    assert!(!tx.release(&release).await.unwrap().unwrap().quarantined);
    tx.commit().await.unwrap();
    let mut raw = sqlx::AnyConnection::connect(&database.url).await.unwrap();
    let named = "select count(*) from release_signals where witness like 'dev%' or witness = 'tenant'";
    assert_eq!(scalar(&mut raw, named).await, 0, "who saw it is not kept");
}
