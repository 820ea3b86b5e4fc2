//! A script made by hand, and what is asked of it.

use fitment_domain::budget::BudgetAsked;
use fitment_domain::manifest::AccessoryName;
use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::package::{Packing, manifest_of};
use super::platform::{PATIENCE, Platform, Session};
use super::programs::accessory;

const TESTS: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the component of a script that works for so many milliseconds.
fn component(works_ms: u32) -> Vec<u8> {
    let path = format!("{TESTS}/it/support/guests/works.wat");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let text = text.replace("$works_ms i64 (i64.const 0)", &format!("$works_ms i64 (i64.const {works_ms})"));
    let mut module = wat::parse_str(text).unwrap_or_else(|e| panic!("{e}"));
    let mut contract = Resolve::default();
    let (package, _) = contract.push_dir(format!("{TESTS}/../wit")).unwrap();
    let world = contract.select_world(&[package], Some("script")).unwrap();
    embed_component_metadata(&mut module, &contract, world, StringEncoding::UTF8).unwrap();
    let encoded = ComponentEncoder::default().validate(true).module(&module).and_then(|mut encoder| encoder.encode());
    encoded.unwrap_or_else(|e| panic!("{e:#}"))
}

/// Publishes the script `fitment/works`, which takes a whole number `times`, and `quiet`, which is true unless somebody says otherwise.
/// Returns the component.
pub(crate) async fn publish(platform: &Platform, works_ms: u32) -> Vec<u8> {
    let (base, listing) = accessory("disk-space");
    let packing = Packing::around(component(works_ms), listing, manifest_of(&base));
    let packing = packing.version("0.1.0").manifest(|m| {
        m.name = AccessoryName::parse("fitment/works").unwrap();
        m.kind = "script".to_owned();
        m.permissions = Vec::new();
        m.interval_s = None;
        m.config_schema = json!({ "type": "object", "additionalProperties": false });
        m.parameters_schema = Some(json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "times": { "type": "integer", "minimum": 1 },
                "quiet": { "type": "boolean", "default": true },
            },
        }));
        m.budget = BudgetAsked { cpu_ms_max: Some(10_000), fuel_max: Some(10_000_000_000), ..BudgetAsked::default() };
    });
    let parts = packing.signed_by(&platform.publisher_key);
    platform.publish_parts("works", "0.1.0", &parts).await;
    parts.component
}

/// Installs it, and returns the installation.
pub(crate) async fn install(msp: &Session, target: Value) -> String {
    let body = json!({ "accessory": "fitment/works", "target": target, "consent": [] });
    let installed = msp.post("/api/v1/installations", body).await.ok();
    installed["installation"]["id"].as_str().unwrap().to_owned()
}

/// Asks devices to run it once.
pub(crate) async fn ask(msp: &Session, installation: &str, devices: &[&str]) -> Value {
    let body = json!({ "installation": installation, "devices": devices, "parameters": { "times": 2 } });
    let answer = msp.post("/api/v1/requests", body).await;
    assert_eq!(answer.status, 202, "{answer:#?}");
    answer.body["request"].clone()
}

/// Returns the only execution of a request as it stands.
pub(crate) async fn execution(msp: &Session, request: &Value) -> Value {
    let path = format!("/api/v1/requests/{}", request["id"].as_str().unwrap());
    msp.get(&path).await.ok()["executions"][0].clone()
}

/// Waits until the only execution of a request stands there.
pub(crate) async fn until(msp: &Session, request: &Value, state: &str) -> Value {
    let path = format!("/api/v1/requests/{}", request["id"].as_str().unwrap());
    msp.until(&path, state, |body| body["executions"][0]["state"] == state).await["executions"][0].clone()
}

/// Reads the events of a request to their end: names and data.
pub(crate) async fn events(platform: &Platform, msp: &Session, request: &Value) -> Vec<(String, Value)> {
    let url = format!("{}/api/v1/requests/{}/events", platform.url(), request["id"].as_str().unwrap());
    let asked = platform.http.get(url).bearer_auth(&msp.token).send();
    let answer = tokio::time::timeout(PATIENCE, async { asked.await.unwrap().text().await.unwrap() }).await;
    let mut events = Vec::new();
    for event in answer.expect("the stream did not end").split("\n\n") {
        let line = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let (Some(name), Some(data)) = (line("event:"), line("data:")) {
            events.push((name.to_owned(), serde_json::from_str(data).unwrap()));
        }
    }
    events
}
