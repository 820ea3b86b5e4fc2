//! Results are taken once; findings are the latest ones.

use fitment_domain::budget::Usage;
use fitment_domain::finding::{Finding, Health, Sample};
use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Outcome, RunResult};
use fitment_domain::time::UnixMs;
use fitment_store::FORGOTTEN_AT_ONCE;

use super::fixture::{Msp, NOW, fresh};
use crate::support::databases::Database;

fn finding(health: Health, subject: Option<&str>) -> Finding {
    Finding {
        health,
        summary: "9.5 % free".to_owned(),
        details: None,
        samples: vec![Sample { name: "free".to_owned(), value: 9.5, unit: "%".to_owned(), labels: vec![] }],
        condition: "space".to_owned(),
        subject: subject.map(str::to_owned),
    }
}

pub(crate) async fn a_result_counts_once(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let (spool, other) = (SpoolEpoch::from_random(fresh()), SpoolEpoch::from_random(fresh()));
    let result = |sequence| RunResult {
        version: None,
        sequence,
        installation: msp.installation.clone(),
        started: NOW,
        usage: Usage::default(),
        outcome: Outcome::Findings(vec![finding(Health::Ok, None)]),
        log: vec![],
    };
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert!(tx.record_result(&msp.device, &spool, &result(1), NOW).await.unwrap());
    assert!(!tx.record_result(&msp.device, &spool, &result(1), NOW).await.unwrap());
    assert!(tx.record_result(&msp.device, &spool, &result(u64::MAX), NOW).await.unwrap());
    assert!(tx.record_result(&msp.device, &other, &result(1), NOW).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = store.begin(msp.scope()).await.unwrap();
    assert!(!tx.record_result(&msp.device, &spool, &result(1), NOW).await.unwrap());
}

pub(crate) async fn a_result_is_known_again_until_its_number_is_forgotten(database: &Database) {
    let store = database.open().await;
    let (one, two) = (Msp::new(&store, "one").await, Msp::new(&store, "two").await);
    let spool = SpoolEpoch::from_random(fresh());
    let result = |msp: &Msp, sequence| RunResult {
        version: None,
        sequence,
        installation: msp.installation.clone(),
        started: NOW,
        usage: Usage::default(),
        outcome: Outcome::Findings(vec![finding(Health::Ok, None)]),
        log: vec![],
    };
    let most = FORGOTTEN_AT_ONCE;
    for (msp, results) in [(&one, most + 2), (&two, 1)] {
        let mut tx = store.begin(msp.scope()).await.unwrap();
        for sequence in 1..=results {
            let received = if sequence == 1 { NOW } else { UnixMs(NOW.0 - 10) };
            assert!(tx.record_result(&msp.device, &spool, &result(msp, sequence), received).await.unwrap());
        }
        tx.commit().await.unwrap();
    }
    let mut tx = store.begin(one.scope()).await.unwrap();
    assert_eq!(tx.forget_results(UnixMs(NOW.0 - 10)).await.unwrap(), 0, "none is so old");
    assert_eq!(tx.forget_results(NOW).await.unwrap(), most, "not all in one transaction");
    assert_eq!(tx.forget_results(NOW).await.unwrap(), 1);
    assert!(!tx.record_result(&one.device, &spool, &result(&one, 1), NOW).await.unwrap(), "it is known still");
    assert!(tx.record_result(&one.device, &spool, &result(&one, 2), NOW).await.unwrap());
    tx.commit().await.unwrap();
    let mut tx = store.begin(two.scope()).await.unwrap();
    assert!(!tx.record_result(&two.device, &spool, &result(&two, 1), NOW).await.unwrap(), "another tenant's stay");
}

pub(crate) async fn a_finding_is_the_latest_one(database: &Database) {
    let store = database.open().await;
    let msp = Msp::new(&store, "one").await;
    let mut tx = store.begin(msp.scope()).await.unwrap();
    for (health, subject, at) in [
        (Health::Ok, Some("/"), 10),
        (Health::Critical, Some("/"), 20),
        (Health::Critical, Some("/"), 30),
        (Health::Ok, Some("/"), 15),
        (Health::Unknown, None, 5),
    ] {
        tx.upsert_finding(&msp.device, &msp.installation, &finding(health, subject), UnixMs(at)).await.unwrap();
    }
    let usage = Usage { fuel: 7, ..Usage::default() };
    tx.set_run_state(&msp.device, &msp.installation, "findings", "", &usage, UnixMs(30)).await.unwrap();
    tx.set_run_state(&msp.device, &msp.installation, "trapped", "unreachable", &usage, UnixMs(20)).await.unwrap();

    let found = tx.findings(None, None).await.unwrap();
    let seen: Vec<_> = found.iter().map(|f| (f.finding.clone(), f.changed.0, f.last_seen.0)).collect();
    assert_eq!(seen, [(finding(Health::Unknown, None), 5, 5), (finding(Health::Critical, Some("/")), 20, 30)]);
    let runs = tx.run_states(Some(&msp.device), None).await.unwrap();
    assert_eq!((runs.len(), runs[0].outcome.as_str(), &runs[0].usage, runs[0].at), (1, "findings", &usage, UnixMs(30)));

    // PostgreSQL's text holds no NUL; a device that sends one must not block its own spool.
    let nul = Finding { details: Some("a\0b".to_owned()), ..finding(Health::Ok, Some("/nul")) };
    tx.upsert_finding(&msp.device, &msp.installation, &nul, NOW).await.unwrap();
    tx.set_run_state(&msp.device, &msp.installation, "trapped", "\0", &usage, NOW).await.unwrap();
    assert_eq!(tx.findings(None, None).await.unwrap()[2].finding.details.as_deref(), Some("a\u{fffd}b"));

    assert!(tx.remove_installation(&msp.installation, NOW).await.unwrap());
    assert!(tx.findings(None, None).await.unwrap().is_empty(), "nothing runs there any more");
    assert!(tx.installations().await.unwrap().is_empty());
}
