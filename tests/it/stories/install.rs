//! Which devices a release fits and why not the others; installing it where it fits, and taking it away again.

use fitment_domain::manifest::Manifest;
use fitment_domain::matching::CONTRACT_VERSION;
use fitment_domain::run::Fact;
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Answer, Platform, Session};
use crate::support::wire::{HandDevice, facts};

async fn install(msp: &Session, version: &str, target: Value) -> Answer {
    let body = json!({ "accessory": "fitment/disk-space", "version": version, "target": target,
        "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await
}

async fn fit(msp: &Session, version: &str) -> Value {
    msp.get(&format!("/api/v1/fit/fitment/disk-space?version={version}")).await.ok()
}

/// Returns why a device does not fit; empty if it does.
fn reasons(fit: &Value, device: &str) -> Vec<String> {
    let devices = fit["devices"].as_array().unwrap();
    let found = devices.iter().find(|d| d["device"] == device).unwrap();
    let reasons: Vec<String> = serde_json::from_value(found["reasons"].clone()).unwrap();
    assert_eq!(found["fits"], reasons.is_empty(), "{found:#}");
    reasons
}

async fn publish(platform: &Platform, version: &str, change: impl FnOnce(&mut Manifest)) {
    let parts = Packing::of("disk-space").version(version).manifest(change).signed_by(&platform.publisher_key);
    platform.publish_parts("disk-space", version, &parts).await;
}

/// Reports a fact of a device that has no agent.
async fn report(device: &HandDevice, name: &str, value: &str) {
    let mut facts = facts();
    facts.0.insert(name.to_owned(), Fact::Text(value.to_owned()));
    device.wire.put("/agent/v1/facts", &facts).await.ok();
}

const OTHER_ARCH: &str = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };

// proves M7 (os, arch, agent, product and contract versions, reasons)
#[tokio::test]
async fn a_release_that_fits_nobody_says_why_and_is_not_installed() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let id = device.enrolled.device.as_str();
    let (have, _) = (env!("CARGO_PKG_VERSION"), device.set_after(None).await);
    let version = |text: &str| text.parse().unwrap();

    publish(&platform, "0.2.0", |m| m.requires.os = vec!["windows".to_owned(), "macos".to_owned()]).await;
    publish(&platform, "0.3.0", |m| m.requires.agent = Some(version(">=9"))).await;
    publish(&platform, "0.4.0", |m| m.requires.product = version(">=9")).await;
    publish(&platform, "0.5.0", |m| m.requires.wit = version("^9")).await;
    publish(&platform, "0.6.0", |m| m.requires.arch = vec![OTHER_ARCH.to_owned()]).await;
    publish(&platform, "0.7.0", |m| {
        m.requires.os = vec!["windows".to_owned()];
        m.requires.arch = vec![OTHER_ARCH.to_owned()];
        m.requires.agent = Some(version(">=9"));
    })
    .await;
    publish(&platform, "0.8.0", |_| {}).await;
    let arch = format!("needs arch {OTHER_ARCH}, has {}", std::env::consts::ARCH);
    let (os, agent) = ("needs os windows, has linux".to_owned(), format!("needs agent >=9, has {have}"));
    for (release, expected) in [
        ("0.2.0", vec!["needs os windows or macos, has linux".to_owned()]),
        ("0.3.0", vec![agent.clone()]),
        ("0.4.0", vec![format!("needs product >=9, this platform is {have}")]),
        ("0.5.0", vec![format!("needs contract ^9, this platform hosts {CONTRACT_VERSION}")]),
        ("0.6.0", vec![arch.clone()]),
        ("0.7.0", vec![os, arch, agent]),
    ] {
        let answer = fit(&msp, release).await;
        assert_eq!((&answer["fits"], &answer["of"]), (&json!(0), &json!(1)), "{release}");
        assert_eq!(reasons(&answer, id), expected, "{release}");
        let refused = install(&msp, release, json!("all")).await;
        assert_eq!((refused.status, refused.code()), (409, "does-not-fit"), "{release}");
        assert_eq!(reasons(&refused.body, id), expected, "the installer answers as fit does: {release}");
    }
    assert_eq!(msp.get("/api/v1/installations").await.ok()["installations"], json!([]));
    // The same words for the newest that is there, and beside them one that fits.
    assert_eq!(reasons(&msp.get("/api/v1/fit/fitment/disk-space").await.ok(), id), Vec::<String>::new());
    assert_eq!(fit(&msp, "0.8.0").await["fits"], 1);
    let revoked = msp.post(&format!("/api/v1/devices/{id}/revocation"), json!({})).await;
    assert_eq!(revoked.status, 204);
    assert_eq!(reasons(&fit(&msp, "0.8.0").await, id), ["the device's certificates are revoked"]);
}

// proves M7 (the same answer for fit and installer and device), M8 (exactly the devices that fit)
#[tokio::test]
async fn of_three_devices_the_one_that_fits_runs_it_and_another_follows_when_it_fits() {
    let platform = Platform::start(Database::sqlite()).await;
    publish(&platform, "0.1.0", |_| {}).await;
    let msp = platform.msp().await;
    let (agent, fitting) = Agent::enrol(&platform, &msp, "agent").await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let (windows, old) = (HandDevice::enrol(&bundle).await, HandDevice::enrol(&bundle).await);
    report(&windows, "os.family", "windows").await;
    report(&old, "agent.version", "0.0.9").await;

    let answer = fit(&msp, "0.1.0").await;
    assert_eq!((&answer["fits"], &answer["of"]), (&json!(1), &json!(3)));
    assert_eq!(reasons(&answer, &fitting), Vec::<String>::new());
    assert_eq!(reasons(&answer, windows.enrolled.device.as_str()), ["needs os linux, has windows"]);
    assert_eq!(reasons(&answer, old.enrolled.device.as_str()), ["needs agent >=0.1, has 0.0.9"]);
    let installed = install(&msp, "0.1.0", json!("all")).await.ok();
    assert_eq!((&installed["fits"], &installed["of"]), (&json!(1), &json!(3)));
    agent.until_status("the device that fits runs it", |s| s["items"][0]["state"] == "running").await;
    let (_, set) = windows.set_after(None).await;
    assert_eq!(set.items, []);
    let (_, before) = old.set_after(None).await;
    assert_eq!(before.items, []);

    report(&old, "agent.version", "0.1.0").await;
    let (_, after) = old.set_after(Some(before.time)).await;
    assert_eq!(after.items.len(), 1);
    assert_eq!(fit(&msp, "0.1.0").await["fits"], 2);
}

// proves M8 (by API, consent, configuration)
#[tokio::test]
async fn nothing_is_installed_without_consent_or_with_a_wrong_configuration() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    platform.publish("request-tracker").await;
    let msp = platform.msp().await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let body = |config: Value, consent: Value| json!({ "accessory": "fitment/disk-space", "target": { "device": device }, "config": config, "consent": consent, "interval_s": 1 });
    let post = async |body: Value| msp.post("/api/v1/installations", body).await;

    for consent in [json!([]), json!(["http"]), json!(["metrics", "http"])] {
        let answer = post(body(json!({}), consent)).await;
        assert_eq!((answer.status, answer.code()), (409, "consent-needed"));
        let asked = &answer.body["permissions"];
        assert_eq!(asked[0]["name"], "metrics");
        assert_eq!(
            asked[0]["sentence"],
            "May read the machine's figures: memory, file systems, processors, network counters."
        );
        assert_eq!(asked[0]["reason"], "Reads how full each file system is.");
        assert_eq!(asked[1], Value::Null);
    }
    for (config, field) in [
        (json!({ "warning_percent": 200 }), "config.warning_percent: 200"),
        (json!({ "mounts": ["relative"] }), "config.mounts.0"),
        (json!({ "surprise": true }), "surprise"),
        (json!([]), "config: "),
    ] {
        let answer = post(body(config, json!(["metrics"]))).await;
        assert_eq!((answer.status, answer.code()), (422, "config-invalid"));
        assert!(answer.body["detail"].as_str().unwrap().contains(field), "{answer:#?}");
    }
    let mut often = body(json!({}), json!(["metrics"]));
    often["interval_s"] = json!(0);
    let answer = post(often).await;
    assert_eq!((answer.status, answer.code()), (422, "invalid"));
    assert!(answer.body["detail"].as_str().unwrap().contains("interval_s"), "{answer:#?}");
    let connector = json!({ "accessory": "fitment/request-tracker", "target": "all", "consent": ["http"] });
    let answer = post(connector).await;
    assert_eq!((answer.status, answer.code()), (409, "not-for-devices"));

    // What nobody approved is not there: not for fit, not for the installer, not in the list.
    let parts = Packing::of("disk-space").version("0.2.0").signed_by(&platform.publisher_key);
    platform.publisher().await.upload(&parts).await.ok();
    assert_eq!(install(&msp, "0.2.0", json!("all")).await.code(), "not-found");
    for path in ["/api/v1/fit/fitment/disk-space?version=0.2.0", "/api/v1/releases/fitment/disk-space/0.2.0"] {
        let answer = msp.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "not-found"), "{path}");
    }
    assert_eq!(msp.get("/api/v1/fit/fitment/disk-space").await.ok()["version"], "0.1.0");
    assert_eq!(msp.get("/api/v1/releases").await.ok()["releases"].as_array().unwrap().len(), 2);
    assert_eq!(msp.get("/api/v1/installations").await.ok()["installations"], json!([]));
    assert_eq!(agent.status()["items"], json!([]));

    let installed = post(body(json!({ "warning_percent": 50.5 }), json!(["metrics"]))).await.ok();
    let installation = &installed["installation"];
    assert_eq!(
        installation["permissions"],
        json!(["May read the machine's figures: memory, file systems, processors, network counters."])
    );
    let config = &installation["config"];
    assert_eq!((&config["warning_percent"], &config["critical_percent"]), (&json!(50.5), &json!(90)), "the default");
    msp.until("/api/v1/findings", "it runs", |body| body["findings"].as_array().is_some_and(|f| !f.is_empty())).await;

    let path = format!("/api/v1/installations/{}", installation["id"].as_str().unwrap());
    assert_eq!(msp.delete(&path).await.status, 204);
    agent.until_status("it is gone from the device", |s| s["items"] == json!([])).await;
    assert_eq!(msp.get("/api/v1/installations").await.ok()["installations"], json!([]));
    assert_eq!(msp.delete(&path).await.code(), "not-found");
    let audit = msp.get("/api/v1/audit").await.ok();
    let done: Vec<&Value> = audit["entries"].as_array().unwrap().iter().map(|e| &e["action"]).collect();
    assert!(
        done.ends_with(&[&json!("installation.install"), &json!("installation.remove")]),
        "its history stays: {done:?}"
    );
}

#[tokio::test]
async fn what_a_configuration_names_is_what_the_device_may_reach() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("tcp").await;
    let msp = platform.msp().await;
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let (_, before) = device.set_after(None).await;
    let body = json!({ "accessory": "fitment/tcp", "target": "all", "consent": ["net"],
        "config": { "targets": ["db.example.com:5432"] } });
    msp.post("/api/v1/installations", body).await.ok();
    let (_, set) = device.set_after(Some(before.time)).await;
    assert_eq!(
        serde_json::to_value(&set.items[0].grants).unwrap(),
        json!({ "net": { "hosts": ["db.example.com:5432"] } })
    );
}
