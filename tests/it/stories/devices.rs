//! How devices come to be known, where they stand, and what becomes of them.

use fitment_domain::device::Facts;
use fitment_domain::finding::Health;
use fitment_domain::protocol::{Enrol, Enrolled, refusal, route};
use fitment_domain::run::Fact;
use rcgen::KeyPair;
use serde_json::{Value, json};

use crate::stories::certificates::assert_refused;
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::looks::space;
use crate::support::platform::{PASSWORD, Platform, Session};
use crate::support::script;
use crate::support::wire::{HandDevice, Shown, Wire, facts, request_pem};

fn text(value: &str) -> Fact {
    Fact::Text(value.to_owned())
}

/// Facts of a machine with a serial number, a machine id and an address.
fn machine(serial: &str, machine_id: &str, address: &str) -> Facts {
    let mut facts = facts();
    facts.0.insert("serial".to_owned(), text(serial));
    facts.0.insert("machine-id".to_owned(), text(machine_id));
    facts.0.insert("addresses".to_owned(), Fact::Many(vec![address.to_owned()]));
    facts
}

/// Enrols a machine that says this of itself.
pub(crate) async fn enrol_as(bundle: &Value, facts: Facts) -> HandDevice {
    let key = KeyPair::generate().unwrap();
    let answer = Wire::zero(bundle).post(route::ENROL, &Enrol { request_pem: request_pem(&key), facts }).await.ok();
    let enrolled: Enrolled = serde_json::from_value(answer).unwrap();
    let shown = Shown { certificate: enrolled.certificate_pem.clone(), key: key.serialize_pem() };
    HandDevice { wire: Wire::to_server_of(bundle, Some(&shown)), shown, enrolled }
}

async fn bundle(msp: &Session) -> Value {
    msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone()
}

async fn place(msp: &Session, client: &Value, name: &str) -> String {
    let made = msp.post("/api/v1/locations", json!({ "client": client, "name": name })).await.ok();
    made["id"].as_str().unwrap().to_owned()
}

fn path(device: &HandDevice) -> String {
    format!("/api/v1/devices/{}", device.enrolled.device)
}

/// Waits until a device stands somewhere, for a reason.
async fn stands(msp: &Session, device: &str, location: &str, source: &str) {
    let wanted = |d: &Value| d["location"] == location && d["location_source"] == source;
    msp.until(&format!("/api/v1/devices/{device}"), &format!("it stands there by {source}"), wanted).await;
}

/// Reports looks of one condition that are all alike.
pub(crate) async fn looks(device: &HandDevice, installation: &Value, health: Health, from: u64, count: u64) {
    let results = crate::support::looks::looks(installation, &space(health, "/srv is full"), from..from + count);
    device.wire.post(route::RESULTS, &results).await.ok();
}

pub(crate) async fn install(msp: &Session, target: Value) -> Value {
    let body = json!({ "accessory": "fitment/disk-space", "target": target, "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok()["installation"].clone()
}

// proves T1 (location by hand, location by agent, location by address look-up)
#[tokio::test]
async fn a_device_stands_where_the_best_evidence_says() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let client = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    let home = msp.get("/api/v1/locations").await.ok()["locations"][0]["id"].as_str().unwrap().to_owned();
    // Issued while there is but one location.
    let bundle = bundle(&msp).await;
    let (shop, store, attic) =
        (place(&msp, &client, "Shop").await, place(&msp, &client, "Store").await, place(&msp, &client, "Attic").await);
    let device = enrol_as(&bundle, machine("", "", "10.1.2.3")).await;
    let id = device.enrolled.device.to_string();
    stands(&msp, &id, &home, "zero-certificate").await;

    // By its address: the longest prefix that holds it, and again when the table changes.
    let networks = |location: &str| format!("/api/v1/locations/{location}/networks");
    msp.put(&networks(&shop), json!({ "networks": ["10.0.0.0/8", "2001:db8::/32"] })).await.ok();
    stands(&msp, &id, &shop, "address").await;
    msp.put(&networks(&store), json!({ "networks": ["10.1.2.0/24"] })).await.ok();
    stands(&msp, &id, &store, "address").await;
    let taken = msp.put(&networks(&attic), json!({ "networks": ["10.1.2.0/24"] })).await;
    assert_eq!((taken.status, taken.code()), (409, "network-taken"));
    assert!(taken.body["detail"].as_str().unwrap().contains("Store"), "{taken:#?}");
    let wrong = msp.put(&networks(&attic), json!({ "networks": ["10.1.2.3/24"] })).await;
    assert_eq!((wrong.status, wrong.code()), (422, "invalid"));
    assert!(wrong.body["detail"].as_str().unwrap().contains("10.1.2.0/24"), "it says what was meant: {wrong:#?}");
    // The address from which it connects counts as well, and another device's table does not.
    msp.put(&networks(&attic), json!({ "networks": ["127.0.0.1/32"] })).await.ok();
    stands(&msp, &id, &attic, "address").await;
    assert_eq!(msp.get(&path(&device)).await.ok()["address"], "127.0.0.1");

    // What its agent was told beats its address; another client's location is not for it to choose.
    let other = msp.post("/api/v1/clients", json!({ "name": "Bakery" })).await.ok()["id"].clone();
    place(&msp, &other, "Oven room").await;
    let mut told = machine("", "", "10.1.2.3");
    told.0.insert("location".to_owned(), text("Bakery/Oven room"));
    device.wire.put(route::FACTS, &told).await.ok();
    stands(&msp, &id, &attic, "address").await;
    told.0.insert("location".to_owned(), text("shop"));
    device.wire.put(route::FACTS, &told).await.ok();
    stands(&msp, &id, &shop, "agent").await;
    let agent = Agent::start_at(platform.scratch(), "agent", &bundle, Some("Acme/Store"));
    let status = agent.until_status("the agent enrols", |s| !s["device"].is_null()).await;
    stands(&msp, status["device"].as_str().unwrap(), &store, "agent").await;

    // What a person says beats all of it.
    let by_hand = format!("{}/location", path(&device));
    msp.put(&by_hand, json!({ "location": attic })).await.ok();
    stands(&msp, &id, &attic, "hand").await;
    device.wire.put(route::FACTS, &told).await.ok();
    stands(&msp, &id, &attic, "hand").await;
    msp.delete(&by_hand).await.ok();
    stands(&msp, &id, &shop, "agent").await;
}

// proves T1 (no client is aware of another)
#[tokio::test]
async fn a_device_that_goes_to_another_client_leaves_its_history_behind() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    script::publish(&platform, 0).await;
    let msp = platform.msp().await;
    let acme = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    let device = HandDevice::enrol(&bundle(&msp).await).await;
    let old = device.enrolled.device.to_string();
    let bakery = msp.post("/api/v1/clients", json!({ "name": "Bakery" })).await.ok()["id"].clone();
    let oven = place(&msp, &bakery, "Oven room").await;
    let watching = [install(&msp, json!({ "client": acme })).await, install(&msp, json!({ "client": bakery })).await];
    let (_, before) = device.set_after(None).await;
    looks(&device, &watching[0]["id"], Health::Critical, 1, 2).await;
    assert_eq!(msp.get("/api/v1/alerts").await.ok()["alerts"][0]["state"], "open");

    // Its result would find another device in its place.
    let asked = script::ask(&msp, &script::install(&msp, json!("all")).await, &[&old]).await;
    let by_hand = |id: &str| format!("/api/v1/devices/{id}/location");
    let refused = msp.put(&by_hand(&old), json!({ "location": oven })).await;
    assert_eq!((refused.status, refused.code()), (409, "runs-scripts"));
    msp.delete(&format!("/api/v1/requests/{}", asked["id"].as_str().unwrap())).await.ok();

    let moved = msp.put(&by_hand(&old), json!({ "location": oven })).await.ok();
    let new = moved["id"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!((&moved["client"], &moved["location"], &moved["has_agent"]), (&bakery, &json!(oven), &json!(true)));
    let alert = msp.get("/api/v1/alerts").await.ok()["alerts"][0].clone();
    assert_eq!((&alert["device"], &alert["closed_because"]), (&json!(old), &json!("device-retired")));
    let listed = msp.get("/api/v1/devices").await.ok();
    assert_eq!((listed["devices"].as_array().unwrap().len(), &listed["devices"][0]["id"]), (1, &json!(new)));

    // Its agent goes on with the certificate that it has, and runs what the other client runs.
    let (_, set) = device.set_after(Some(before.time)).await;
    let items: Vec<_> = set.items.iter().map(|item| json!(item.installation)).collect();
    assert!(items.contains(&watching[1]["id"]) && !items.contains(&watching[0]["id"]), "{items:?}");
    looks(&device, &watching[1]["id"], Health::Critical, 3, 2).await;
    let body = json!({ "email": "baker@example.com", "password": PASSWORD, "role": "client", "clients": [bakery] });
    msp.post("/api/v1/people", body).await.ok();
    let baker = platform.sign_in("baker@example.com").await;
    let alerts = baker.get("/api/v1/alerts").await.ok();
    assert_eq!((alerts["alerts"].as_array().unwrap().len(), &alerts["alerts"][0]["device"]), (1, &json!(new)));
    for list in ["devices", "alerts", "tickets", "findings", "series"] {
        let seen = baker.get(&format!("/api/v1/{list}")).await.ok().to_string();
        assert!(!seen.contains(&old), "{list}: {seen}");
    }
    // What decides once nobody's hand does is of the client where it is.
    msp.delete(&by_hand(new)).await.ok();
    stands(&msp, new, &oven, "zero-certificate").await;
}

// proves M2 (from agents, by hand, by import)
#[tokio::test]
async fn devices_come_from_agents_by_hand_and_by_import() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let home = msp.get("/api/v1/locations").await.ok()["locations"][0]["id"].clone();
    let bundle = bundle(&msp).await;

    // An agent reports by documented names.
    let (_agent, reporting) = Agent::enrol(&platform, &msp, "agent").await;
    let reported = msp.get(&format!("/api/v1/devices/{reporting}")).await.ok();
    let documented = msp.get("/api/v1/facts").await.ok();
    let names: Vec<&str> =
        documented["facts"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    let known = reported["facts"].as_object().unwrap();
    assert!(known.keys().all(|name| names.contains(&name.as_str())), "{known:#?}");
    for name in
        ["hostname", "os.family", "kernel", "arch", "cpu.count", "memory.bytes", "boot.time-ms", "agent.version"]
    {
        assert!(known.contains_key(name), "{name}: {known:#?}");
    }
    assert_eq!((&reported["origin"], &reported["has_agent"]), (&json!("agent"), &json!(true)));

    // By hand, and by a table whose bad lines say why.
    let by_hand = json!({ "name": "till-1", "location": home, "facts": { "serial": "CZC0000017", "os.family": "linux", "asset": "A-17" } });
    let till = msp.post("/api/v1/devices", by_hand.clone()).await.ok();
    assert_eq!(
        (&till["origin"], &till["has_agent"], &till["location_source"]),
        (&json!("hand"), &json!(false), &json!("hand"))
    );
    assert_eq!(till["fact_origins"]["asset"], "hand");
    assert_eq!(msp.post("/api/v1/devices", by_hand).await.code(), "known-already");
    let table = "name,client,location,serial,memory.bytes\n\
                 till-2,Acme,Main office,CZC0000018,4096\n,Acme,,CZC0000019,\ntill-4,Nobody,,,\ntill-5,,,CZC0000017,\n\
                 till-6,,,,much\n\"till, 7\",,Main office,,\n";
    let imported = msp.raw("POST", "/api/v1/devices/import", "text/csv", table).await.ok();
    let taken: Vec<&Value> = imported["devices"].as_array().unwrap().iter().map(|d| &d["name"]).collect();
    assert_eq!(taken, [&json!("till-2"), &json!("till, 7")]);
    let refused = imported["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| (e["line"].as_u64().unwrap(), e["field"].as_str().unwrap()));
    assert_eq!(refused.collect::<Vec<_>>(), [(3, "name"), (4, "client"), (5, "serial"), (6, "memory.bytes")]);
    assert_eq!(msp.raw("POST", "/api/v1/devices/import", "text/csv", "till-9,Acme\n").await.code(), "invalid");
    assert_eq!(msp.raw("POST", "/api/v1/devices/import", "application/json", "{}").await.code(), "not-csv");
    let listed = msp.get("/api/v1/devices").await.ok();
    assert_eq!(listed["devices"].as_array().unwrap().len(), 4);

    // What is only known runs nothing, and fit says so.
    let fit = msp.get("/api/v1/fit/fitment/disk-space").await.ok();
    assert_eq!((&fit["fits"], &fit["of"]), (&json!(1), &json!(4)));
    let of_till = fit["devices"].as_array().unwrap().iter().find(|d| d["device"] == till["id"]).unwrap();
    assert!(of_till["reasons"].to_string().contains("no agent runs on it yet"), "{of_till:#}");
    let page = msp.get("/api/v1/fit/fitment/disk-space?limit=1&offset=1").await.ok();
    assert_eq!((page["devices"].as_array().unwrap().len(), &page["of"]), (1, &json!(4)));

    // The agent of the machine takes the record over; what only people know stays, what the agent reports is the agent's.
    let arrived = enrol_as(&bundle, machine("CZC0000017", "aa01", "10.1.2.3")).await;
    assert_eq!(json!(arrived.enrolled.device), till["id"]);
    let taken_over = msp.get(&path(&arrived)).await.ok();
    assert_eq!(
        (&taken_over["name"], &taken_over["has_agent"], &taken_over["origin"]),
        (&json!("till-1"), &json!(true), &json!("hand"))
    );
    assert_eq!(taken_over["fact_origins"], json!({ "asset": "hand" }));
    assert_eq!((&taken_over["facts"]["asset"], &taken_over["facts"]["machine-id"]), (&json!("A-17"), &json!("aa01")));
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 4);
    let answer = msp.patch(&path(&arrived), json!({ "facts": { "os.family": "windows" } })).await;
    assert_eq!((answer.status, answer.code()), (409, "fact-of-the-agent"));
    let renamed = msp
        .patch(&path(&arrived), json!({ "name": "Till at the door", "facts": { "asset": null, "floor": 2 } }))
        .await
        .ok();
    assert_eq!(
        (&renamed["name"], &renamed["facts"]["floor"], &renamed["facts"]["asset"]),
        (&json!("Till at the door"), &json!(2.0), &Value::Null)
    );
}

// proves M2 (a machine that was set up anew goes on as the same device), R2 (its earlier certificate is refused)
#[tokio::test]
async fn a_machine_that_was_set_up_anew_goes_on_as_the_same_device() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let bundle = bundle(&msp).await;
    let before = enrol_as(&bundle, machine("CZC0000021", "bb01", "10.1.2.3")).await;
    let installation = install(&msp, json!({ "device": before.enrolled.device })).await["id"].clone();
    looks(&before, &installation, Health::Critical, 1, 2).await;

    // It enrols anew: nobody takes a device over unasked, but the list says what it looks like.
    let after = enrol_as(&bundle, machine("CZC0000021", "bb02", "10.1.2.3")).await;
    assert_ne!(before.enrolled.device, after.enrolled.device);
    let pairs = msp.get("/api/v1/devices/duplicates").await.ok();
    let pair = &pairs["duplicates"][0];
    assert_eq!((&pair["kinship"], &pair["older"]["id"]), (&json!("re-image"), &json!(before.enrolled.device)));
    let stranger = enrol_as(&bundle, machine("CZC0000022", "bb03", "10.1.2.3")).await;
    let confirm = format!("{}/re-image", path(&before));
    let refused = msp.post(&confirm, json!({ "device": stranger.enrolled.device })).await;
    assert_eq!((refused.status, refused.code()), (409, "not-the-same-machine"));

    let confirmed = msp.post(&confirm, json!({ "device": after.enrolled.device })).await.ok();
    assert_eq!((&confirmed["id"], &confirmed["facts"]["machine-id"]), (&json!(before.enrolled.device), &json!("bb02")));
    assert_eq!(msp.get("/api/v1/devices/duplicates").await.ok()["duplicates"], json!([]));
    // The agent goes on with its own key and the id that it knows, and works for the old device's history.
    let (_, set) = after.set_after(None).await;
    assert_eq!((&set.device, json!(set.items[0].installation)), (&after.enrolled.device, installation.clone()));
    looks(&after, &installation, Health::Critical, 10, 1).await;
    let alerts = msp.get("/api/v1/alerts").await.ok();
    assert_eq!(alerts["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&alerts["alerts"][0]["device"], &alerts["alerts"][0]["occurrences"]),
        (&json!(before.enrolled.device), &json!(3))
    );
    assert_refused("the wiped system", &before.wire.put(route::FACTS, &facts()).await, refusal::REVOKED);
    let key = KeyPair::from_pem(&before.shown.key).unwrap();
    assert_refused("its key", &Wire::zero(&bundle).enrol(&key).await, refusal::REVOKED);

    // Or the operator says so first, and the record waits.
    msp.post(&format!("{}/re-image", path(&stranger)), json!({})).await.ok();
    let again = enrol_as(&bundle, machine("CZC0000022", "bb04", "10.1.2.3")).await;
    assert_eq!(again.enrolled.device, stranger.enrolled.device);
    assert_refused("the wiped system", &stranger.wire.put(route::FACTS, &facts()).await, refusal::REVOKED);
    // Two that are alive are a clone, and stay two.
    let clone = enrol_as(&bundle, machine("", "bb04", "10.1.2.4")).await;
    let pairs = msp.get("/api/v1/devices/duplicates").await.ok();
    assert_eq!(pairs["duplicates"][0]["newer"]["id"], json!(clone.enrolled.device));
    assert_ne!(clone.enrolled.device, again.enrolled.device);
}

// proves M2 (what is out of use is left out and kept), T3 (closed with its device, closed by hand)
#[tokio::test]
async fn a_retired_device_leaves_lists_and_fit_and_its_alerts_close() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let bundle = bundle(&msp).await;
    let (old, stays) = (HandDevice::enrol(&bundle).await, HandDevice::enrol(&bundle).await);
    let installation = install(&msp, json!("all")).await["id"].clone();
    looks(&old, &installation, Health::Critical, 1, 2).await;
    looks(&stays, &installation, Health::Critical, 1, 2).await;
    let alerts = async |of: &HandDevice| {
        let all = msp.get("/api/v1/alerts").await.ok();
        all["alerts"].as_array().unwrap().iter().find(|a| a["device"] == json!(of.enrolled.device)).unwrap().clone()
    };
    assert_eq!(alerts(&old).await["state"], "open");

    assert_eq!(msp.post(&format!("{}/retirement", path(&old)), json!({})).await.status, 204);
    let closed = alerts(&old).await;
    assert_eq!((&closed["state"], &closed["closed_because"]), (&json!("closed"), &json!("device-retired")));
    let tickets = msp.get("/api/v1/tickets").await.ok();
    let ticket = |of: &HandDevice| {
        tickets["tickets"]
            .as_array()
            .unwrap()
            .iter()
            .find(|t| t["device"] == json!(of.enrolled.device))
            .unwrap()
            .clone()
    };
    assert_eq!((&ticket(&old)["state"], &ticket(&stays)["state"]), (&json!("closed"), &json!("open")));
    assert_refused("retired", &old.wire.put(route::FACTS, &facts()).await, refusal::REVOKED);
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 1);
    assert_eq!(msp.get("/api/v1/fit/fitment/disk-space").await.ok()["of"], 1);
    let retired = msp.get("/api/v1/devices?retired=true").await.ok();
    assert_eq!(retired["devices"][0]["id"], json!(old.enrolled.device));
    assert!(msp.get(&path(&old)).await.ok()["retired_ms"].is_i64(), "its history stays");
    assert_eq!(msp.post(&format!("{}/retirement", path(&old)), json!({})).await.code(), "device-retired");

    // A subject that nobody reports any more is stale, and a person closes it with a reason.
    let stale = msp
        .until("/api/v1/alerts", "nobody reports it", |body| {
            body["alerts"].as_array().unwrap().iter().any(|a| a["stale"] == true)
        })
        .await;
    let alert = stale["alerts"].as_array().unwrap().iter().find(|a| a["stale"] == true).unwrap();
    assert_eq!(
        (&alert["state"], &alert["device"]),
        (&json!("open"), &json!(stays.enrolled.device)),
        "stale is no recovery"
    );
    let close = format!("/api/v1/alerts/{}/close", alert["id"].as_str().unwrap());
    assert_eq!(msp.post(&close, json!({ "reason": "" })).await.code(), "invalid");
    let closed = msp.post(&close, json!({ "reason": "the disk was taken out" })).await.ok();
    assert_eq!(
        (&closed["state"], &closed["closed_because"]),
        (&json!("closed"), &json!("by hand: the disk was taken out"))
    );
    assert_eq!(msp.post(&close, json!({ "reason": "again" })).await.code(), "already-closed");
    let tickets = msp.get("/api/v1/tickets").await.ok();
    assert!(tickets["tickets"].as_array().unwrap().iter().all(|t| t["state"] == "closed"), "{tickets:#}");

    // Revoking closes too.
    looks(&stays, &installation, Health::Critical, 10, 2).await;
    assert_eq!(alerts(&stays).await["state"], "open");
    assert_eq!(msp.post(&format!("{}/revocation", path(&stays)), json!({})).await.status, 204);
    assert_eq!(alerts(&stays).await["closed_because"], "device-revoked");
}
