//! What is installed and connected changes and goes again, and nobody's agreement is stretched by it.

use fitment_domain::capability::Permission;
use fitment_domain::finding::Health;
use fitment_domain::id::ClientId;
use fitment_domain::manifest::{Manifest, PermissionAsked};
use serde_json::{Value, json};

use crate::stories::devices::{install, looks};
use crate::stories::tenancy::keep_connection;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Platform, Session};
use crate::support::wire::HandDevice;

async fn publish(platform: &Platform, version: &str, change: impl FnOnce(&mut Manifest)) {
    let parts = Packing::of("disk-space").version(version).manifest(change).signed_by(&platform.publisher_key);
    platform.publish_parts("disk-space", version, &parts).await;
}

async fn enrol(msp: &Session, body: Value) -> HandDevice {
    let bundle = msp.post("/api/v1/zero-certificates", body).await.ok()["bundle"].clone();
    HandDevice::enrol(&bundle).await
}

// proves M8 (the form of the configuration)
#[tokio::test]
async fn a_form_says_what_can_be_configured_and_what_stands_there_otherwise() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let form = msp.get("/api/v1/releases/fitment/disk-space/0.1.0/form").await.ok();
    let field = |name: &str| form["fields"].as_array().unwrap().iter().find(|f| f["name"] == name).unwrap().clone();
    let warning = field("warning_percent");
    assert_eq!(
        (&warning["title"], &warning["kind"], &warning["default"]),
        (&json!("Warn from"), &json!("number"), &json!(80))
    );
    assert_eq!(
        (&warning["minimum"], &warning["maximum"], &warning["required"]),
        (&json!(0.0), &json!(100.0), &json!(false))
    );
    assert_eq!((&field("mounts")["kind"], &field("mounts")["items"]), (&json!("list"), &json!("text")));
    assert_eq!((&form["defaults"]["critical_percent"], &form["title"]), (&json!(90), &json!("Disk space")));
    let nowhere = msp.get("/api/v1/releases/fitment/disk-space/9.9.9/form").await;
    assert_eq!((nowhere.status, nowhere.code()), (404, "not-found"));
}

// proves M8 (consent)
#[tokio::test]
async fn what_an_accessory_does_without_may_be_left_out_of_the_consent() {
    let platform = Platform::start(Database::sqlite()).await;
    let optional_state = |m: &mut Manifest| {
        m.permissions.push(PermissionAsked {
            name: "state".to_owned(),
            reason: "Remembers how fast the disk fills.".to_owned(),
            optional: true,
            ..m.permissions[0].clone()
        });
    };
    publish(&platform, "0.1.0", optional_state).await;
    publish(&platform, "0.2.0", optional_state).await;
    let msp = platform.msp().await;
    let device = enrol(&msp, json!({})).await;
    let (_, start) = device.set_after(None).await;
    let body = |consent: Value| json!({ "accessory": "fitment/disk-space", "version": "0.1.0", "target": "all", "consent": consent });
    let refused = msp.post("/api/v1/installations", body(json!(["state"]))).await;
    assert_eq!((refused.status, refused.code()), (409, "consent-needed"));
    assert_eq!(
        (&refused.body["permissions"][0]["optional"], &refused.body["permissions"][1]["optional"]),
        (&json!(false), &json!(true))
    );
    let installed = msp.post("/api/v1/installations", body(json!(["metrics"]))).await.ok()["installation"].clone();
    let (_, set) = device.set_after(Some(start.time)).await;
    assert!(set.items[0].grants.has(Permission::Metrics) && !set.items[0].grants.has(Permission::State));

    // Another version that asks the same needs no new consent, and grants no more; a consent that names it does.
    let path = format!("/api/v1/installations/{}", installed["id"].as_str().unwrap());
    msp.patch(&path, json!({ "version": "0.2.0" })).await.ok();
    let (_, set) = device.set_after(Some(set.time)).await;
    assert!(!set.items[0].grants.has(Permission::State));
    msp.patch(&path, json!({ "consent": ["metrics", "state"] })).await.ok();
    let (_, set) = device.set_after(Some(set.time)).await;
    assert!(set.items[0].grants.has(Permission::State));
}

// proves M8 (scope, change, remove)
#[tokio::test]
async fn an_installation_changes_its_scope_its_configuration_and_its_version() {
    let platform = Platform::start(Database::sqlite()).await;
    publish(&platform, "0.1.0", |_| {}).await;
    let msp = platform.msp().await;
    let acme = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    let client = msp.post("/api/v1/clients", json!({ "name": "Bakery" })).await.ok()["id"].clone();
    let shop = msp.post("/api/v1/locations", json!({ "client": client, "name": "Shop" })).await.ok()["id"].clone();
    let here = enrol(&msp, json!({ "client": acme })).await;
    let there = enrol(&msp, json!({ "client": client, "location": shop })).await;
    let (_, start) = here.set_after(None).await;
    let (_, start_there) = there.set_after(None).await;

    // Several targets at once; what is wrong with one of them is said by name.
    let several = json!({ "any": [{ "device": here.enrolled.device }, { "location": shop }] });
    let installation = install(&msp, several.clone()).await;
    assert_eq!(installation["target"], several);
    let path = format!("/api/v1/installations/{}", installation["id"].as_str().unwrap());
    let (_, set_here) = here.set_after(Some(start.time)).await;
    let (_, set_there) = there.set_after(Some(start_there.time)).await;
    assert_eq!((set_here.items.len(), set_there.items.len()), (1, 1));
    for (target, code) in [
        (json!({ "any": [] }), "invalid"),
        (json!({ "any": ["all"] }), "invalid"),
        (json!({ "any": [{ "any": [{ "client": client }] }] }), "invalid"),
        (json!({ "device": "dev_00000000000000000000000000000000" }), "not-found"),
    ] {
        assert_eq!(msp.patch(&path, json!({ "target": target })).await.code(), code, "{target}");
    }

    // Configuration and interval.
    let wrong = msp.patch(&path, json!({ "config": { "warning_percent": 200 } })).await;
    assert_eq!((wrong.status, wrong.code()), (422, "config-invalid"));
    let said = wrong.body["detail"].as_str().unwrap();
    assert!(said.contains("fitment/disk-space 0.1.0: config.warning_percent"), "{said}");
    let changed = msp.patch(&path, json!({ "config": { "warning_percent": 50 }, "interval_s": 7 })).await.ok();
    assert_eq!(changed["installation"]["config"]["critical_percent"], 90, "what is left out gets its default");
    let (_, set) = here.set_after(Some(set_here.time)).await;
    assert_eq!((set.items[0].interval_s, &set.items[0].config["warning_percent"]), (7, &json!(50)));

    // A narrower scope: the other device loses it, and what it was alarmed about closes.
    looks(&there, &installation["id"], Health::Critical, 1, 2).await;
    msp.patch(&path, json!({ "target": { "device": here.enrolled.device } })).await.ok();
    let (_, after) = there.set_after(Some(set_there.time)).await;
    let after = if after.items.is_empty() { after } else { there.set_after(Some(after.time)).await.1 };
    assert_eq!(after.items, []);
    let alert = msp.get("/api/v1/alerts").await.ok()["alerts"][0].clone();
    assert_eq!((&alert["state"], &alert["closed_because"]), (&json!("closed"), &json!("not-covered")));

    // Another version, which asks for the same: no word. One that asks for more: the answer says what is new.
    publish(&platform, "0.2.0", |_| {}).await;
    publish(&platform, "0.3.0", |m| {
        let http =
            json!({ "name": "http", "reason": "Tells a status page.", "origins": ["https://status.example.com"] });
        m.permissions.push(serde_json::from_value(http).unwrap());
    })
    .await;
    let changed = msp.patch(&path, json!({ "version": "0.2.0" })).await.ok();
    assert_eq!(changed["installation"]["version"], "0.2.0");
    let (_, set) = here.set_after(Some(set.time)).await;
    assert_eq!(set.items[0].version.to_string(), "0.2.0");
    let refused = msp.patch(&path, json!({ "version": "0.3.0" })).await;
    assert_eq!((refused.status, refused.code()), (409, "consent-needed"));
    assert_eq!(refused.body["added"], json!(["May send HTTP requests to https://status.example.com."]));
    assert_eq!(msp.get(&path).await.ok()["version"], "0.2.0", "nothing changed");
    let agreed = msp.patch(&path, json!({ "version": "0.3.0", "consent": ["metrics", "http"] })).await.ok();
    assert_eq!(agreed["installation"]["version"], "0.3.0");
    assert_eq!(msp.delete(&path).await.status, 204);
    assert_eq!(msp.get(&path).await.code(), "not-found");
    let audit = msp.get("/api/v1/audit").await.ok();
    let changes = audit["entries"].as_array().unwrap().iter().filter(|e| e["action"] == "installation.change").count();
    assert_eq!(changes, 4);
}

// proves T10 (a connection for one client beside one for all), M8 (a connection changes and is removed)
#[tokio::test]
async fn a_connection_serves_its_client_changes_and_goes() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    platform.publish("request-tracker").await;
    let msp = platform.msp().await;
    let acme = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    let client = msp.post("/api/v1/clients", json!({ "name": "Bakery" })).await.ok()["id"].clone();
    let shop = msp.post("/api/v1/locations", json!({ "client": client, "name": "Shop" })).await.ok()["id"].clone();
    let here = enrol(&msp, json!({ "client": acme })).await;
    let there = enrol(&msp, json!({ "client": client, "location": shop })).await;
    let tenant = &here.enrolled.tenant;
    let of_bakery = ClientId::parse(client.as_str().unwrap()).unwrap();
    let everybodys = keep_connection(&platform, &msp, tenant, 3, None).await;
    let bakerys = keep_connection(&platform, &msp, tenant, 4, Some(of_bakery)).await;
    let installation = install(&msp, json!("all")).await;
    looks(&here, &installation["id"], Health::Critical, 1, 2).await;
    looks(&there, &installation["id"], Health::Critical, 1, 2).await;
    let ticket = async |of: &HandDevice| {
        let all = msp.get("/api/v1/tickets").await.ok();
        all["tickets"].as_array().unwrap().iter().find(|t| t["device"] == json!(of.enrolled.device)).unwrap().clone()
    };
    assert_eq!(ticket(&here).await["connection"], json!(everybodys));
    assert_eq!(ticket(&there).await["connection"], json!(bakerys));

    let path = format!("/api/v1/connections/{bakerys}");
    let elsewhere = msp.patch(&path, json!({ "url": "https://elsewhere.example.com" })).await;
    assert_eq!((elsewhere.status, elsewhere.code()), (422, "secrets-needed"));
    let tried = msp.patch(&path, json!({ "secrets": { "token": "rotated" } })).await;
    assert_eq!((tried.status, tried.code()), (422, "connection-refused"), "nobody answers there: {tried:#?}");
    let other = msp.patch(&path, json!({ "secrets": { "password": "x" } })).await;
    assert_eq!((other.status, other.code()), (422, "invalid"));
    let renamed =
        msp.patch(&path, json!({ "name": "Bakery's RT", "closed_status": "done", "client": null })).await.ok();
    let connection = &renamed["connection"];
    assert_eq!((&connection["name"], &connection["closed_status"]), (&json!("Bakery's RT"), &json!("done")));
    assert_eq!((&connection["client"], &connection["url"]), (&Value::Null, &json!("http://127.0.0.1:9")));

    // It goes: its open ticket keeps its link and says so, and closes here when the condition clears.
    assert_eq!(msp.delete(&path).await.status, 204);
    assert_eq!(msp.get("/api/v1/connections").await.ok()["connections"].as_array().unwrap().len(), 1);
    let left = ticket(&there).await;
    assert_eq!(
        (&left["state"], &left["disconnected"], &left["connection"]),
        (&json!("open"), &json!(true), &json!(bakerys))
    );
    assert!(left["problem"].as_str().unwrap().starts_with("disconnected"), "{left:#}");
    looks(&there, &installation["id"], Health::Ok, 10, 2).await;
    let closed = |body: &Value| {
        body["tickets"].as_array().unwrap().iter().any(|t| t["disconnected"] == true && t["state"] == "closed")
    };
    msp.until("/api/v1/tickets", "it closes here alone", closed).await;
    assert_eq!(ticket(&here).await["disconnected"], false);
    assert_eq!(msp.delete(&path).await.code(), "not-found");
}
