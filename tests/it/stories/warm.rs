//! Instances that an MSP chooses to keep between runs.

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::{Platform, Session};
use crate::support::wire::HandDevice;

async fn install(msp: &Session, name: &str, consent: &[&str], warm: Value) -> crate::support::platform::Answer {
    let body = json!({ "accessory": format!("fitment/{name}"), "target": "all", "consent": consent, "warm": warm });
    msp.post("/api/v1/installations", body).await
}

// proves C3 (an instance kept where an MSP chose it)
#[tokio::test]
async fn an_msp_chooses_which_installation_keeps_its_instance_and_devices_run_it() {
    let platform = Platform::start(Database::sqlite()).await;
    for name in ["uptime", "clean-temp"] {
        platform.publish(name).await;
    }
    let msp = platform.msp().await;
    let (_agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let told = HandDevice::enrol(&bundle).await;

    let (_, start) = told.set_after(None).await;
    let refused = install(&msp, "clean-temp", &["files:read", "files:write"], json!(true)).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"), "{refused:#?}");
    let said = refused.body["detail"].as_str().unwrap();
    assert!(said.starts_with("warm: every run of a script has a fresh instance"), "{said}");

    let made = install(&msp, "uptime", &["metrics"], json!(true)).await.ok()["installation"].clone();
    assert_eq!(made["warm"], true);
    let (_, set) = told.set_after(Some(start.time)).await;
    assert!(set.items[0].warm);
    let path = format!("/api/v1/findings?device={}", device);
    let ran =
        |body: &Value| body["runs"].as_array().is_some_and(|runs| runs.iter().any(|r| r["outcome"] == "findings"));
    msp.until(&path, "the device ran it", ran).await;

    let id = made["id"].as_str().unwrap();
    let changed = msp.patch(&format!("/api/v1/installations/{id}"), json!({ "warm": false })).await.ok();
    assert_eq!(changed["installation"]["warm"], false);
    let (_, after) = told.set_after(Some(set.time)).await;
    assert!(!after.items[0].warm);
    let audit = msp.get("/api/v1/audit").await.ok().to_string();
    assert!(audit.contains("\"warm\":true") && audit.contains("\"warm\":false"), "who chose it stands in the log");
}
