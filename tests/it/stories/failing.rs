//! A release that fails on device after device: told to those who can mend it, without anybody's names.

use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::{Outcome, Results, RunResult};
use serde_json::{Value, json};

use crate::support::databases::Database;
use crate::support::platform::{Platform, Session};
use crate::support::wire::{HandDevice, now};

const RELEASE: &str = "/api/v1/releases/fitment/load/0.1.0";
const TRAP: &str = "panicked at src/lib.rs:1:1: no such customer: Miller\nwasm trap: wasm `unreachable` instruction executed\nerror while executing at wasm backtrace:\n    0:   0x2a - load.wasm!core::panicking::panic";

async fn install(msp: &Session) -> Value {
    let body = json!({ "accessory": "fitment/load", "target": "all", "consent": ["metrics"] });
    msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].clone()
}

async fn enrol(msp: &Session) -> HandDevice {
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    HandDevice::enrol(&bundle).await
}

/// Sends results that ended like this, with these sequences.
async fn failed(device: &HandDevice, installation: &Value, kind: &str, message: &str, sequences: &[u64]) {
    let result = |sequence: &u64| RunResult {
        version: None,
        sequence: *sequence,
        installation: serde_json::from_value(installation.clone()).unwrap(),
        started: now(),
        usage: Default::default(),
        outcome: Outcome::Failed { kind: kind.to_owned(), message: message.to_owned() },
        log: Vec::new(),
    };
    let results = Results { spool: SpoolEpoch::from_random([5; 16]), results: sequences.iter().map(result).collect() };
    device.wire.post(fitment_domain::protocol::route::RESULTS, &results).await.ok();
}

// proves M5 (told when devices quarantine it)
#[tokio::test]
async fn a_release_that_devices_quarantine_is_told_to_its_publisher_and_to_the_operators() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("load").await;
    let (msp, publisher, operator) = (platform.msp().await, platform.publisher().await, platform.operator().await);
    let installation = install(&msp).await;
    for _ in 0..3 {
        failed(&enrol(&msp).await, &installation, "quarantined", "it is not run here", &[1, 2]).await;
    }
    // What the devices of one MSP say is no proof.
    let usage = publisher.get(&format!("{RELEASE}/usage")).await.ok();
    assert_eq!((&usage["quarantined_devices"], &usage["quarantined"]), (&json!(3), &json!(false)));
    assert_eq!(publisher.get(RELEASE).await.ok()["quarantined"], false);

    platform.add_account("msp", "Second", "second@example.com");
    let second = platform.sign_in("second@example.com").await;
    let there = install(&second).await;
    failed(&enrol(&second).await, &there, "quarantined", "it is not run here", &[1]).await;
    operator.until(RELEASE, "it is told", |release| release["quarantined"] == true).await;
    for who in [&publisher, &operator] {
        assert_eq!(who.get(&format!("{RELEASE}/usage")).await.ok()["quarantined"], true);
        let log = who.get("/api/v1/audit").await.ok();
        let told: Vec<&Value> =
            log["entries"].as_array().unwrap().iter().filter(|e| e["action"] == "release.quarantined").collect();
        assert_eq!(told.len(), 1, "once: {log:#}");
        assert_eq!(told[0]["details"]["devices"], 4);
        let text = told[0].to_string();
        assert!(!text.contains("ten_") && !text.contains("dev_"), "no names: {text}");
    }
    // Whoever means to install it is warned, and not kept from it: some devices are no proof.
    let fit = msp.get("/api/v1/fit/fitment/load").await.ok();
    assert!(fit["warnings"][0].as_str().unwrap().contains("quarantined this release"), "{fit:#}");
    let refused = msp.get(&format!("{RELEASE}/usage")).await;
    assert_eq!((refused.status, refused.code()), (403, "forbidden"));
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn a_publisher_reads_where_a_release_traps_once_two_msps_saw_it_and_none_of_their_words() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("load").await;
    platform.add_account("msp", "Second", "second@example.com");
    let (one, two) = (platform.msp().await, platform.sign_in("second@example.com").await);
    let usage = async || platform.publisher().await.get(&format!("{RELEASE}/usage")).await.ok();
    for (msp, shown) in [(&one, 0), (&two, 1)] {
        let installation = install(msp).await;
        let device = enrol(msp).await;
        failed(&device, &installation, "trapped", TRAP, &[1, 2]).await;
        let usage = usage().await;
        assert_eq!(usage["traps"].as_array().unwrap().len(), shown, "{usage:#}");
        assert_eq!(usage["traps_not_shown"], 1 - shown);
        // The MSP itself sees all of it.
        let runs = msp.get("/api/v1/findings").await.ok();
        assert!(runs["runs"][0]["message"].as_str().unwrap().contains("Miller"), "{runs:#}");
    }
    let usage = usage().await;
    let trap = &usage["traps"][0];
    assert_eq!(trap["times"], 4);
    assert_eq!(
        trap["trap"],
        "wasm trap: wasm `unreachable` instruction executed\n0:   0x2a - load.wasm!core::panicking::panic"
    );
    assert!(!usage.to_string().contains("Miller"), "{usage:#}");
    assert_eq!(usage["ends"], json!([{ "end": "trapped", "runs": 4 }]));
}
