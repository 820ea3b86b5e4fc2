//! Certificates live for hours, outages for days: the route that renews takes an expired certificate, for its own key alone.

use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::protocol::{Renew, Renewed, refusal, route};
use fitment_domain::tenant::Scope;
use fitment_store::{ObjectsConfig, Store};
use rcgen::KeyPair;
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::stories::certificates::{ask_all, assert_refused, issue, minted};
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::Platform;
use crate::support::wire::{HandDevice, Shown, Wire, facts, now, request_pem};

/// Gives a device a certificate that expired ten minutes ago, and that the server knows.
async fn expired(platform: &Platform, tenant: &TenantId, device: &DeviceId, key: &KeyPair) -> Shown {
    let mut serial = [0x42; 16];
    serial[1..].copy_from_slice(&device.as_str().as_bytes()[device.as_str().len() - 15..]);
    let objects = ObjectsConfig::Folder(platform.data().join("objects"));
    let store = Store::open(platform.database_url(), objects).await.unwrap();
    let mut tx = store.begin(Scope::Tenant(tenant.clone())).await.unwrap();
    let (from, until) = (now().0 - 1_800_000, now().0 - 600_000);
    let at = fitment_domain::time::UnixMs;
    let hexadecimal: String = serial.iter().map(|byte| format!("{byte:02x}")).collect();
    tx.insert_certificate(&hexadecimal, device, at(from), at(until), at(from)).await.unwrap();
    tx.commit().await.unwrap();
    minted(platform, key, serial, -1_800, -600)
}

fn renewal_for(key: &KeyPair) -> Renew {
    Renew { request_pem: request_pem(key) }
}

/// An expired certificate opens the route that renews, for its own key, and no other.
pub(crate) async fn story(database: Database) {
    let platform = Platform::start(database).await;
    let msp = platform.msp().await;
    let (bundle, _) = issue(&msp, json!({})).await;
    let device = HandDevice::enrol(&bundle).await;
    let key = KeyPair::from_pem(&device.shown.key).unwrap();
    let shown = expired(&platform, &device.enrolled.tenant, &device.enrolled.device, &key).await;
    let late = Wire::to_server_of(&bundle, Some(&shown));

    for (path, answer) in ask_all(&late).await {
        if path == route::RENEW {
            assert_eq!((answer.status, answer.code()), (422, "invalid-body"), "{answer:#?}");
            continue;
        }
        assert_refused(path, &answer, refusal::EXPIRED);
        assert!(answer.body["server_time_ms"].as_i64().unwrap().abs_diff(now().0) < 60_000, "{answer:#?}");
    }
    assert_refused("no route", &late.get("/agent/v1/other").await, refusal::EXPIRED);
    assert_refused("the route that enrols", &late.enrol(&key).await, refusal::WRONG_KIND);

    // Another key is another machine's, whether the certificate expired or not.
    for wire in [&late, &device.wire] {
        let answer = wire.post(route::RENEW, &renewal_for(&KeyPair::generate().unwrap())).await;
        assert_eq!((answer.status, answer.code()), (422, refusal::KEY_DIFFERS), "{answer:#?}");
    }

    // The bound key gets the next certificate, as often as its answer is lost.
    for _ in 0..2 {
        let renewed: Renewed = serde_json::from_value(late.post(route::RENEW, &renewal_for(&key)).await.ok()).unwrap();
        let next = Shown { certificate: renewed.certificate_pem, key: key.serialize_pem() };
        Wire::to_server_of(&bundle, Some(&next)).put(route::FACTS, &facts()).await.ok();
    }
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 1);

    let path = format!("/api/v1/devices/{}/revocation", device.enrolled.device);
    assert_eq!(msp.post(&path, json!({})).await.status, 204);
    assert_refused("revoked", &late.post(route::RENEW, &renewal_for(&key)).await, refusal::REVOKED);
}

// proves R2 (an expired certificate renews by its bound key, and opens nothing else)
#[tokio::test]
async fn an_expired_certificate_renews_by_its_own_key_alone_on_sqlite() {
    story(Database::sqlite()).await;
}

// proves R2 (an agent that slept longer than its certificate lived comes back by itself), A2 (an agent goes on with its set)
#[tokio::test]
async fn an_agent_whose_certificate_expired_comes_back_by_itself() {
    let mut platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let running = agent.until_status("it is in contact", |s| !s["last_contact"].is_null()).await;
    agent.kill();
    let at = |name: &str| agent.state().join("identity").join(name);
    let key_pem = std::fs::read_to_string(at("key.pem")).unwrap();
    let key = KeyPair::from_pem(&key_pem).unwrap();
    let tenant: TenantId = serde_json::from_value(running["tenant"].clone()).unwrap();
    let shown = expired(&platform, &tenant, &DeviceId::parse(&device).unwrap(), &key).await;
    std::fs::write(at("certificate.pem"), &shown.certificate).unwrap();
    let (certificate, key_file) = (at("certificate.pem"), at("key.pem"));

    // It starts while the server is away, and renews when that is back.
    platform.kill();
    agent.run_again();
    agent.until_status("the server is away", |s| s["problems"]["certificate"]["code"] == "server-unreachable").await;
    platform.serve();
    let msp = platform.msp().await;
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
    let back = |s: &Value| {
        let renewed = s["certificate_until"].as_i64().is_some_and(|until| until > now().0);
        renewed
            && s["problems"].as_object().is_some_and(serde_json::Map::is_empty)
            && s["items"][0]["state"] == "running"
    };
    agent.until_status("it is back, with a new certificate", back).await;
    msp.until("/api/v1/findings", "it runs", |body| body["findings"].as_array().is_some_and(|f| !f.is_empty())).await;

    // The same device with the same key: nothing was enrolled.
    assert_ne!(std::fs::read_to_string(certificate).unwrap(), shown.certificate);
    assert_eq!(std::fs::read_to_string(key_file).unwrap(), key_pem);
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 1);
    assert_eq!(msp.get("/api/v1/zero-certificates").await.ok()["zero_certificates"][0]["uses"], 1);
}

/// Takes every certificate out of the database, as a backup from before they were issued has none of them.
async fn forget_certificates(platform: &Platform) {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(platform.database_url()).await.unwrap();
    for table in ["delete from device_certificates", "delete from certificate_serials"] {
        sqlx::query(table).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

// proves R2 (a restored database knows a device by the key that enrolled)
#[tokio::test]
async fn after_a_restored_backup_devices_come_back_by_the_key_that_enrolled() {
    let mut platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (bundle, _) = issue(&msp, json!({ "uses_max": 9 })).await;
    let (device, revoked) = (HandDevice::enrol(&bundle).await, HandDevice::enrol(&bundle).await);
    let (mut agent, id) = Agent::enrol(&platform, &msp, "agent").await;
    agent.until_status("it is in contact", |s| !s["last_contact"].is_null()).await;
    let path = format!("/api/v1/devices/{}/revocation", revoked.enrolled.device);
    assert_eq!(msp.post(&path, json!({})).await.status, 204);
    agent.kill();
    platform.stop();
    forget_certificates(&platform).await;
    platform.serve();
    let msp = platform.msp().await;

    let key = KeyPair::from_pem(&device.shown.key).unwrap();
    assert_refused("facts", &device.wire.put(route::FACTS, &facts()).await, refusal::UNKNOWN);
    let renewed: Renewed =
        serde_json::from_value(device.wire.post(route::RENEW, &renewal_for(&key)).await.ok()).unwrap();
    let next = Shown { certificate: renewed.certificate_pem, key: key.serialize_pem() };
    Wire::to_server_of(&bundle, Some(&next)).put(route::FACTS, &facts()).await.ok();
    // A certificate of ours for a key that never enrolled stays unknown, and a revoked device stays revoked.
    let stranger = KeyPair::generate().unwrap();
    let shown = minted(&platform, &stranger, [0x43; 16], -600, 600);
    let answer = Wire::to_server_of(&bundle, Some(&shown)).post(route::RENEW, &renewal_for(&stranger)).await;
    assert_refused("a stranger", &answer, refusal::UNKNOWN);
    let key = KeyPair::from_pem(&revoked.shown.key).unwrap();
    assert_refused("revoked", &revoked.wire.post(route::RENEW, &renewal_for(&key)).await, refusal::REVOKED);

    // A real agent needs nobody.
    agent.run_again();
    let back =
        |s: &Value| !s["last_contact"].is_null() && s["problems"].as_object().is_some_and(serde_json::Map::is_empty);
    agent.until_status("it is back", back).await;
    assert_eq!(msp.get(&format!("/api/v1/devices/{id}")).await.ok()["id"], id);
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 3, "nothing was enrolled");
}
