//! No tenant ever learns that another exists: whatever is another's is not there.

use fitment_domain::finding::Health;
use fitment_domain::id::{ClientId, ConnectionId, ReleaseId, TenantId};
use fitment_domain::protocol::{Acknowledged, Results, route};
use fitment_domain::tenant::Scope;
use fitment_store::{Connection, ObjectsConfig, Store};
use serde_json::{Value, json};

use crate::support::databases::Database;
use crate::support::looks::{looks, space};
use crate::support::platform::{Answer, Platform, Session};
use crate::support::wire::{HandDevice, now};

/// Everything that a tenant lists.
const LISTS: &[&str] = &[
    "clients",
    "locations",
    "zero-certificates",
    "devices",
    "installations",
    "requests",
    "connections",
    "findings",
    "alerts",
    "tickets",
    "categories",
    "category-rules",
    "audit",
];

/// Two bad looks, which make a ticket.
fn bad_looks(installation: &str) -> Results {
    looks(&json!(installation), &space(Health::Critical, "/srv is full"), [1, 2])
}

/// One of everything that an MSP can have.
struct Estate {
    msp: Session,
    bundle: Value,
    device: HandDevice,
    /// Ids by what they name.
    ids: Value,
    component: String,
}

impl Estate {
    async fn of(platform: &Platform, msp: Session) -> Self {
        let issued = msp.post("/api/v1/zero-certificates", json!({})).await.ok();
        let device = HandDevice::enrol(&issued["bundle"]).await;
        let (_, empty) = device.set_after(None).await;
        let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"] });
        let installed = msp.post("/api/v1/installations", body).await.ok();
        let installation = installed["installation"]["id"].as_str().unwrap();
        let component = device.set_after(Some(empty.time)).await.1.items[0].digest.to_string();
        device.wire.post(route::RESULTS, &bad_looks(installation)).await.ok();
        let tickets = msp.get("/api/v1/tickets").await.ok();
        let category = msp.get("/api/v1/categories").await.ok()["categories"][0]["id"].clone();
        let rule = msp.post("/api/v1/category-rules", json!({ "position": 1, "category": category })).await.ok();
        let ids = json!({
            "device": device.enrolled.device, "installation": installation, "ticket": tickets["tickets"][0]["id"],
            "alert": tickets["tickets"][0]["alert"], "zero": issued["zero"]["id"], "client": issued["zero"]["client"],
            "location": issued["zero"]["location"], "category": category, "rule": rule["id"],
            "connection": connection(platform, &msp, &device.enrolled.tenant).await,
        });
        Self { msp, bundle: issued["bundle"].clone(), device, ids, component }
    }

    /// Returns everything that it lists, as text.
    async fn everything(&self) -> String {
        let mut all = String::new();
        for list in LISTS {
            all += &self.msp.get(&format!("/api/v1/{list}")).await.ok().to_string();
        }
        all
    }
}

/// Keeps a connection without a system behind it.
pub(crate) async fn connection(platform: &Platform, msp: &Session, tenant: &TenantId) -> ConnectionId {
    keep_connection(platform, msp, tenant, 3, None).await
}

/// Keeps one for the tickets of a client, or of every client.
pub(crate) async fn keep_connection(
    platform: &Platform,
    msp: &Session,
    tenant: &TenantId,
    number: u8,
    client: Option<ClientId>,
) -> ConnectionId {
    let releases = msp.get("/api/v1/releases").await.ok();
    let connector =
        releases["releases"].as_array().unwrap().iter().find(|r| r["kind"] == "ticketing-connector").unwrap();
    let store =
        Store::open(platform.database_url(), ObjectsConfig::Folder(platform.data().join("objects"))).await.unwrap();
    let connection = Connection {
        id: ConnectionId::from_random([number; 16]),
        name: "Elsewhere".to_owned(),
        release: ReleaseId::parse(connector["id"].as_str().unwrap()).unwrap(),
        url: "http://127.0.0.1:9".to_owned(),
        config: json!({ "url": "http://127.0.0.1:9" }),
        sealed_secrets: vec![0; 40],
        account: None,
        closed_status: "resolved".to_owned(),
        state: "ok".to_owned(),
        problem: None,
        created: now(),
        client,
    };
    let mut tx = store.begin(Scope::Tenant(tenant.clone())).await.unwrap();
    tx.insert_connection(&connection).await.unwrap();
    tx.commit().await.unwrap();
    connection.id
}

/// Returns an id of the same kind that nobody ever had.
pub(crate) fn nobodys(id: &str) -> String {
    format!("{}_{}", id.split_once('_').unwrap().0, "0123456789abcdef".repeat(2))
}

/// Asks with somebody's ids everything that takes an id.
async fn ask_with(who: &Session, ids: &dyn Fn(&str) -> String) -> Vec<(String, Answer)> {
    let own = who.get("/api/v1/clients").await.ok()["clients"][0]["id"].clone();
    let api = |path: &str| format!("/api/v1/{path}");
    let mut answers = Vec::new();
    for path in [
        format!("devices/{}", ids("device")),
        format!("tickets/{}", ids("ticket")),
        format!("findings?device={}", ids("device")),
        format!("installations/{}", ids("installation")),
        format!("locations/{}/networks", ids("location")),
    ] {
        answers.push((format!("GET {path}"), who.get(&api(&path)).await));
    }
    for path in [
        format!("zero-certificates/{}", ids("zero")),
        format!("installations/{}", ids("installation")),
        format!("category-rules/{}", ids("rule")),
        format!("connections/{}", ids("connection")),
        format!("devices/{}/location", ids("device")),
    ] {
        answers.push((format!("DELETE {path}"), who.delete(&api(&path)).await));
    }
    let install =
        |target: Value| json!({ "accessory": "fitment/disk-space", "consent": ["metrics"], "target": target });
    let posts = [
        (format!("devices/{}/revocation", ids("device")), json!({})),
        (format!("connections/{}/check", ids("connection")), json!({})),
        (format!("devices/{}/retirement", ids("device")), json!({})),
        (format!("devices/{}/re-image", ids("device")), json!({})),
        (format!("alerts/{}/close", ids("alert")), json!({ "reason": "mine" })),
        ("devices".to_owned(), json!({ "name": "till", "location": ids("location") })),
        ("installations".to_owned(), install(json!({ "any": [{ "client": own }, { "device": ids("device") }] }))),
        ("installations".to_owned(), install(json!({ "device": ids("device") }))),
        ("installations".to_owned(), install(json!({ "client": ids("client") }))),
        ("installations".to_owned(), install(json!({ "location": ids("location") }))),
        ("zero-certificates".to_owned(), json!({ "client": ids("client") })),
        ("zero-certificates".to_owned(), json!({ "client": own, "location": ids("location") })),
        ("locations".to_owned(), json!({ "client": ids("client"), "name": "Annex" })),
        ("category-rules".to_owned(), json!({ "position": 1, "category": ids("category") })),
    ];
    for (path, body) in posts {
        answers.push((format!("POST {path} {body}"), who.post(&api(&path), body).await));
    }
    for (path, body) in [
        (format!("devices/{}", ids("device")), json!({ "name": "mine" })),
        (format!("installations/{}", ids("installation")), json!({ "interval_s": 5 })),
        (format!("connections/{}", ids("connection")), json!({ "name": "mine" })),
    ] {
        answers.push((format!("PATCH {path}"), who.patch(&api(&path), body).await));
    }
    for (path, body) in [
        (format!("devices/{}/location", ids("device")), json!({ "location": ids("location") })),
        (format!("locations/{}/networks", ids("location")), json!({ "networks": ["10.0.0.0/8"] })),
    ] {
        answers.push((format!("PUT {path}"), who.put(&api(&path), body).await));
    }
    let path = format!("categories/{}", ids("category"));
    answers.push((format!("PUT {path}"), who.put(&api(&path), json!({ "name": "Mine", "board": "Mine" })).await));
    answers
}

/// A second MSP asks for everything of the first one's.
pub(crate) async fn story(database: Database) {
    let platform = Platform::start(database).await;
    platform.publish("disk-space").await;
    platform.publish("request-tracker").await;
    let acme = Estate::of(&platform, platform.msp().await).await;
    assert!(acme.ids.as_object().unwrap().values().all(Value::is_string), "{:#}", acme.ids);
    platform.add_account("msp", "Globex", "globex@example.com");
    let globex = platform.sign_in("globex@example.com").await;
    let before = acme.everything().await;

    let theirs = ask_with(&globex, &|what| acme.ids[what].as_str().unwrap().to_owned()).await;
    let nowhere = ask_with(&globex, &|what| nobodys(acme.ids[what].as_str().unwrap())).await;
    for ((asked, theirs), (_, nowhere)) in theirs.into_iter().zip(nowhere) {
        assert_eq!((theirs.status, theirs.code()), (404, "not-found"), "{asked}: {theirs:#?}");
        let words = |answer: &Answer| (answer.status, answer.code().to_owned(), answer.body["detail"].clone());
        assert_eq!(words(&theirs), words(&nowhere), "{asked}: another's looks like nobody's");
    }
    assert_eq!(acme.everything().await, before, "nothing of the first one's changed");

    for list in LISTS {
        let answer = globex.get(&format!("/api/v1/{list}")).await.ok().to_string();
        for (what, id) in acme.ids.as_object().unwrap() {
            assert!(!answer.contains(id.as_str().unwrap()), "{list} tells of the other's {what}");
        }
        if !["clients", "locations", "categories", "category-rules", "audit"].contains(list) {
            let value: Value = serde_json::from_str(&answer).unwrap();
            let nothing = [json!([]), json!(true), json!(null)];
            // No rows, all of them, and none after them.
            assert!(value.as_object().unwrap().values().all(|v| nothing.contains(v)), "{list}: {answer}");
        }
    }
    assert_eq!(globex.get("/api/v1/fit/fitment/disk-space").await.ok()["of"], 0);
    between_devices(&acme, &globex).await;
    assert_eq!(acme.everything().await, before);
    // A zero certificate enrols into the tenant that it is of, whoever carries it.
    assert_eq!(HandDevice::enrol(&acme.bundle).await.enrolled.tenant, acme.device.enrolled.tenant);
    assert_eq!(acme.msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 2);
    // The owner meets no such wall.
    let path = format!("/api/v1/devices/{}", acme.ids["device"].as_str().unwrap());
    assert_eq!(acme.msp.get(&path).await.ok()["id"], acme.ids["device"]);
}

/// A device of the second MSP is no way round.
async fn between_devices(acme: &Estate, globex: &Session) {
    let issued = globex.post("/api/v1/zero-certificates", json!({})).await.ok();
    let device = HandDevice::enrol(&issued["bundle"]).await;
    assert_ne!(device.enrolled.tenant, acme.device.enrolled.tenant);
    let (_, set) = device.set_after(None).await;
    assert_eq!((set.items.len(), &set.tenant), (0, &device.enrolled.tenant));
    let path = format!("{}/{}", route::OBJECTS, acme.component);
    let answer = device.wire.get(&path).await;
    assert_eq!((answer.status, answer.code()), (404, "not-found"));
    assert_eq!(acme.device.wire.get(&path).await.status, 200);
    let results = bad_looks(acme.ids["installation"].as_str().unwrap());
    let taken: Acknowledged = serde_json::from_value(device.wire.post(route::RESULTS, &results).await.ok()).unwrap();
    assert_eq!((taken.sequences.len(), taken.refused.len()), (0, 2));
    assert!(taken.refused[0].reason.contains("no such installation"));
    assert_eq!(globex.get("/api/v1/tickets").await.ok()["tickets"], json!([]));
}

// proves T1 (no tenant learns that another exists)
#[tokio::test]
async fn what_is_another_tenants_is_not_there_on_sqlite() {
    story(Database::sqlite()).await;
}
