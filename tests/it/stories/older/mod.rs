//! What is older than the server goes on: an accessory of contract 0.1.0, and an agent of 0.1.0.

mod words;

use fitment_domain::device::Facts;
use fitment_domain::protocol::route;
use fitment_domain::run::Fact;
use serde_json::{Value, json};

use self::words::{Acknowledged, ComeAgain, Enrolled, InstructionSet, InstructionsAnswer, UpToDate};
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Parts, manifest_of, sign};
use crate::support::platform::{Platform, Session};
use crate::support::wire::{HandDevice, NONCE, facts};

const COMPONENT: &[u8] = include_bytes!("../../../compat/disk-space-0.1.0.wasm");
const LISTING: &[u8] = include_bytes!("../../../compat/disk-space-0.1.0.listing.json");

async fn publish_older(platform: &Platform) {
    let parts: Parts = sign(COMPONENT.to_vec(), LISTING.to_vec(), &manifest_of(COMPONENT), &platform.publisher_key);
    platform.publish_parts("disk-space", "0.1.0", &parts).await;
}

async fn install(msp: &Session, accessory: &str) -> Value {
    let body = json!({ "accessory": accessory, "target": "all", "config": {}, "consent": ["metrics"], "interval_s": 1,
        // A word that it does not know, and is not told.
        "warm": true });
    msp.post("/api/v1/installations", body).await.ok()
}

// proves C2 (an accessory of an older contract runs)
#[tokio::test]
async fn an_accessory_of_an_older_contract_is_taken_and_runs() {
    assert!(String::from_utf8_lossy(COMPONENT).contains("fitment:accessory/monitor-run@0.1.0"));
    let platform = Platform::start(Database::sqlite()).await;
    publish_older(&platform).await;
    let msp = platform.msp().await;
    let (_agent, _device) = Agent::enrol(&platform, &msp, "agent").await;
    install(&msp, "fitment/disk-space").await;
    let found = |body: &Value| body["findings"].as_array().unwrap().iter().any(|f| f["condition"] == "space");
    msp.until("/api/v1/findings", "a finding of the older accessory", found).await;
}

/// What the machine of an older agent reports.
fn older_facts() -> Facts {
    let mut facts = facts();
    facts.0.insert("agent.version".to_owned(), Fact::Text("0.1.0".to_owned()));
    facts
}

fn payload<T: serde::de::DeserializeOwned>(envelope: &Value) -> T {
    use base64::Engine as _;
    let text = envelope["payload"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    serde_json::from_slice(&bytes)
        .unwrap_or_else(|e| panic!("an agent of 0.1.0 does not read {}: {e}", String::from_utf8_lossy(&bytes)))
}

// proves A4 (an older agent understands every answer), M7 (an older agent is told what it cannot run)
#[tokio::test]
async fn an_agent_of_0_1_0_understands_every_answer_and_gets_only_what_it_can_run() {
    let platform = Platform::start(Database::sqlite()).await;
    publish_older(&platform).await;
    platform.publish("cpu").await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol_with(&bundle, older_facts()).await;
    let _: Enrolled = serde_json::from_value(serde_json::to_value(&device.enrolled).unwrap()).unwrap();
    install(&msp, "fitment/disk-space").await;
    let newer = HandDevice::enrol(&bundle).await;
    install(&msp, "fitment/cpu").await;

    let fit = msp.get("/api/v1/fit/fitment/cpu").await.ok();
    let older = fit["devices"].as_array().unwrap().iter().find(|d| d["device"] == device.me().device.as_str()).unwrap();
    assert!(older["reasons"].to_string().contains("needs agent >=0.1.1, has 0.1.0"), "{fit:#}");

    // The newer device's set holds both, which says that the work is done.
    let mut have = None;
    loop {
        let (_, set) = newer.set_after(have).await;
        if set.items.len() == 2 {
            break;
        }
        have = Some(set.time);
    }
    let answer = device.ask(None, NONCE).await.ok();
    let InstructionsAnswer::NewSet(envelope) = serde_json::from_value(answer).unwrap() else { panic!("up to date") };
    let set: InstructionSet = payload(&envelope);
    assert_eq!(set.items.iter().map(|item| item.accessory.as_str()).collect::<Vec<_>>(), ["fitment/disk-space"]);
    let set: fitment_domain::instruction::InstructionSet = payload(&envelope);

    let answer = device.ask(Some(set.time), NONCE).await.ok();
    let InstructionsAnswer::UpToDate(envelope) = serde_json::from_value(answer).unwrap() else { panic!("a new set") };
    assert_eq!(payload::<UpToDate>(&envelope).nonce, NONCE);

    // Its question has three fields, and the answer has the one that it knows.
    let question = json!({ "available": true, "set": set.time, "wait_ms": 0 });
    let again: ComeAgain = serde_json::from_value(device.wire.post(route::AVAILABILITY, &question).await.ok()).unwrap();
    assert!(!again.instructions_changed);

    let result = json!({
        "sequence": 1, "installation": set.items[0].installation, "started": set.time.t, "log": [],
        "usage": serde_json::to_value(fitment_domain::budget::Usage::default()).unwrap(),
        "outcome": { "findings": [{ "health": "ok", "summary": "/ is fine", "details": null, "samples": [],
            "condition": "space", "subject": "/" }] },
    });
    let spool = format!("spo_{}", "1".repeat(32));
    let answer = device.wire.post(route::RESULTS, &json!({ "spool": spool, "results": [result] })).await.ok();
    let taken: Acknowledged = serde_json::from_value(answer).unwrap();
    assert_eq!((taken.sequences, taken.refused.len()), (vec![1], 0));
}
