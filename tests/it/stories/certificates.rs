//! One zero certificate for many machines, a certificate of its own for each; and every refusal says why.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fitment_domain::protocol::{Enrol, Enrolled, Renew, Renewed, refusal, route};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::AlertDescription;
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::{Answer, Platform, Session};
use crate::support::wire::{HandDevice, Shown, Wire, facts, now, request_pem};

pub(crate) async fn issue(msp: &Session, body: Value) -> (Value, Value) {
    let issued = msp.post("/api/v1/zero-certificates", body).await.ok();
    (issued["bundle"].clone(), issued["zero"].clone())
}

/// Asks every route of the agents' listener but the one that enrols.
pub(crate) async fn ask_all(wire: &Wire) -> Vec<(&'static str, Answer)> {
    let mut answers = Vec::new();
    for path in [route::RENEW, route::AVAILABILITY, route::INSTRUCTIONS, route::RESULTS] {
        answers.push((path, wire.post(path, &json!({})).await));
    }
    answers.push((route::FACTS, wire.put(route::FACTS, &json!({})).await));
    answers.push((route::OBJECTS, wire.get(&format!("{}/{}", route::OBJECTS, "0".repeat(64))).await));
    answers
}

#[track_caller]
pub(crate) fn assert_refused(what: &str, answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code()), (401, code), "{what}: {answer:#?}");
    assert!(answer.body["detail"].as_str().is_some_and(|d| !d.is_empty()), "{what}");
}

/// From one zero certificate to as many identities as there are machines.
pub(crate) async fn story(database: Database) {
    let platform = Platform::start(database).await;
    let msp = platform.msp().await;
    let (bundle, zero) = issue(&msp, json!({ "uses_max": 4 })).await;

    // Real agents: each has a key of its own that only it can read.
    let mut agents =
        [("one", Value::Null), ("two", Value::Null)].map(|(name, _)| Agent::start(platform.scratch(), name, &bundle));
    let mut devices = Vec::new();
    for agent in &agents {
        let status = agent.until_status("the agent is enrolled", |s| !s["device"].is_null()).await;
        devices.push(status["device"].as_str().unwrap().to_owned());
    }
    for file in ["key.pem", "certificate.pem", "identity.json"] {
        let [one, two] = agents.each_ref().map(|agent| agent.state().join("identity").join(file));
        assert_ne!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap(), "{file}");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&one).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    assert_ne!(devices[0], devices[1]);
    for agent in &agents {
        // The certificate opens the routes of a device; without its key it is only a text.
        let answer = Wire::of_agent(agent.state()).get(&format!("{}/x", route::OBJECTS)).await;
        assert_eq!(answer.code(), "not-found", "it is taken for a device's certificate");
    }

    // The same key is the same machine, however often its answer was lost, and counts once.
    let key = KeyPair::generate().unwrap();
    let wire = Wire::zero(&bundle);
    let mut again = Vec::new();
    for _ in 0..3 {
        again.push(serde_json::from_value::<Enrolled>(wire.enrol(&key).await.ok()).unwrap());
    }
    assert!(again.iter().all(|e| e.device == again[0].device));
    assert!(!devices.contains(&again[0].device.as_str().to_owned()));

    // Five more want the one use that is left: one gets it.
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let wire = wire.clone();
        tries.spawn(async move { wire.enrol(&KeyPair::generate().unwrap()).await });
    }
    let answers = tries.join_all().await;
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!((taken.len(), refused.len()), (1, 4));
    refused.iter().for_each(|answer| assert_refused("used up", answer, refusal::USED_UP));
    assert_eq!(wire.enrol(&key).await.status, 201, "a machine that is in stays in");
    devices.extend([again[0].device.to_string(), taken[0].body["device"].as_str().unwrap().to_owned()]);

    let list = msp.get("/api/v1/zero-certificates").await.ok();
    let listed = &list["zero_certificates"][0];
    assert_eq!((&listed["id"], &listed["uses"], &listed["uses_max"]), (&zero["id"], &json!(4), &json!(4)));
    let mut users: Vec<&str> =
        listed["devices"].as_array().unwrap().iter().map(|d| d["device"].as_str().unwrap()).collect();
    users.sort_unstable();
    devices.sort_unstable();
    assert_eq!(users, devices, "who used it is listed");
    assert!(agents.iter_mut().all(Agent::is_running));

    // A revoked device does not come back by enrolling once more.
    assert_eq!(msp.post(&format!("/api/v1/devices/{}/revocation", again[0].device), json!({})).await.status, 204);
    assert_refused("revoked", &wire.enrol(&key).await, refusal::REVOKED);
}

// proves R2, R1 (the use limit, who used it is listed)
#[tokio::test]
async fn every_agent_gets_a_certificate_of_its_own_on_sqlite() {
    story(Database::sqlite()).await;
}

// proves R2 (what a zero certificate opens, and when it does not)
#[tokio::test]
async fn a_zero_certificate_opens_the_route_that_enrols_and_no_other() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (bundle, zero) = issue(&msp, json!({})).await;
    let (short, _) = issue(&msp, json!({ "lifetime_s": 1 })).await;
    let device = HandDevice::enrol(&bundle).await;

    for (path, answer) in ask_all(&Wire::zero(&bundle)).await {
        assert_refused(path, &answer, refusal::WRONG_KIND);
    }
    let nobody = Wire::to_server_of(&bundle, None);
    for (path, answer) in ask_all(&nobody).await {
        assert_refused(path, &answer, refusal::NO_CERTIFICATE);
    }
    let key = KeyPair::generate().unwrap();
    assert_refused("nobody enrols", &nobody.enrol(&key).await, refusal::NO_CERTIFICATE);
    assert_refused("a device enrols", &device.wire.enrol(&key).await, refusal::WRONG_KIND);
    // What is not there is not there for holders of a certificate alone; nobody else learns what is.
    for wire in [&device.wire, &Wire::zero(&bundle)] {
        let answer = wire.get("/agent/v1/other").await;
        assert_eq!((answer.status, answer.code()), (404, "not-found"));
    }
    let answer = device.wire.get(route::RESULTS).await;
    assert_eq!((answer.status, answer.code()), (405, "method-not-allowed"));
    for path in ["/agent/v1/other", route::RESULTS, "/"] {
        assert_refused(path, &nobody.get(path).await, refusal::NO_CERTIFICATE);
    }

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let answer = Wire::zero(&short).enrol(&key).await;
    assert_refused("expired", &answer, refusal::EXPIRED);
    assert!(answer.body["server_time_ms"].as_i64().unwrap().abs_diff(now().0) < 60_000, "{answer:#?}");
    let mut agent = Agent::start(platform.scratch(), "late", &short);
    agent
        .until_status("the agent says that it came too late", |s| {
            s["problems"]["enrolment"]["code"] == refusal::EXPIRED
        })
        .await;
    assert!(agent.is_running());

    msp.delete(&format!("/api/v1/zero-certificates/{}", zero["id"].as_str().unwrap())).await;
    assert_refused("revoked", &Wire::zero(&bundle).enrol(&key).await, refusal::REVOKED);
    assert!(
        [200, 409].contains(&device.ask(None, crate::support::wire::NONCE).await.status),
        "who is enrolled stays so"
    );
    assert_eq!(msp.get("/api/v1/devices").await.ok()["devices"].as_array().unwrap().len(), 1);

    let (bundle, _) = issue(&msp, json!({})).await;
    let zero = Wire::zero(&bundle);
    for request_pem in [String::new(), "-----BEGIN CERTIFICATE REQUEST-----".to_owned(), not_by_its_own_key(&key)] {
        let answer = zero.post(route::ENROL, &Enrol { request_pem, facts: facts() }).await;
        assert_eq!((answer.status, answer.code()), (422, "bad-certificate-request"), "{answer:#?}");
    }
    // Whatever name a machine asks for, the server gives it its own.
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, device.enrolled.device.as_str());
    let request_pem = params.serialize_request(&key).unwrap().pem().unwrap();
    let enrolled: Enrolled =
        serde_json::from_value(zero.post(route::ENROL, &Enrol { request_pem, facts: facts() }).await.ok()).unwrap();
    assert_ne!(enrolled.device, device.enrolled.device);
    let shown = Shown { certificate: enrolled.certificate_pem.clone(), key: key.serialize_pem() };
    let pretender = HandDevice { wire: Wire::to_server_of(&bundle, Some(&shown)), shown, enrolled };
    assert_eq!(pretender.set_after(None).await.1.device, pretender.enrolled.device);
}

/// A request whose signature was made by somebody else.
fn not_by_its_own_key(key: &KeyPair) -> String {
    let pem = request_pem(key);
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let mut der = BASE64.decode(body).unwrap();
    *der.last_mut().unwrap() ^= 1;
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", BASE64.encode(der))
}

/// Makes a device's certificate with the server's own authority, but without the server.
pub(crate) fn minted(platform: &Platform, key: &KeyPair, serial: [u8; 16], from_s: i64, until_s: i64) -> Shown {
    let authority = std::fs::read_to_string(platform.data().join("keys/device-authority.pem")).unwrap();
    let (certificate, authority_key) = authority.split_at(authority.find("-----BEGIN PRIVATE KEY-----").unwrap());
    let issuer = Issuer::from_ca_cert_pem(certificate, KeyPair::from_pem(authority_key).unwrap()).unwrap();
    let mut params = CertificateParams::default();
    let at = |s: i64| {
        (crate::support::wire::system_time() + Duration::from_secs(86_400)
            - Duration::from_secs((86_400 - s).cast_unsigned()))
        .into()
    };
    (params.not_before, params.not_after) = (at(from_s), at(until_s));
    params.serial_number = Some(rcgen::SerialNumber::from_slice(&serial));
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    Shown { certificate: params.signed_by(key, &issuer).unwrap().pem(), key: key.serialize_pem() }
}

// proves R2 (refused with a machine-readable reason: expired, not yet valid, unknown, revoked, foreign)
#[tokio::test]
async fn expired_unknown_revoked_and_foreign_certificates_are_refused_by_name() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (bundle, _) = issue(&msp, json!({})).await;
    let device = HandDevice::enrol(&bundle).await;

    for (code, from_s, until_s) in
        [(refusal::EXPIRED, -1_800, -600), (refusal::NOT_YET_VALID, 600, 1_800), (refusal::UNKNOWN, -600, 600)]
    {
        let shown = minted(&platform, &KeyPair::generate().unwrap(), [0x41; 16], from_s, until_s);
        for (path, answer) in ask_all(&Wire::to_server_of(&bundle, Some(&shown))).await {
            // The route that renews does not ask when a certificate expired.
            let code = if (path, code) == (route::RENEW, refusal::EXPIRED) { refusal::UNKNOWN } else { code };
            assert_refused(path, &answer, code);
            assert_eq!(answer.body["server_time_ms"].is_i64(), code != refusal::UNKNOWN, "{answer:#?}");
        }
    }

    // The next certificate is for the same device; revocation ends both.
    let renewed: Renewed = serde_json::from_value(
        device
            .wire
            .post(route::RENEW, &Renew { request_pem: request_pem(&KeyPair::from_pem(&device.shown.key).unwrap()) })
            .await
            .ok(),
    )
    .unwrap();
    let next = Wire::to_server_of(
        &bundle,
        Some(&Shown { certificate: renewed.certificate_pem, key: device.shown.key.clone() }),
    );
    next.put(route::FACTS, &facts()).await.ok();
    let path = format!("/api/v1/devices/{}/revocation", device.enrolled.device);
    assert_eq!(msp.post(&path, json!({})).await.status, 204);
    for wire in [&device.wire, &next] {
        for (path, answer) in ask_all(wire).await {
            assert_refused(path, &answer, refusal::REVOKED);
        }
    }

    // Another server's certificates are refused by TLS itself; only its alert can say so.
    let other = Platform::start(Database::sqlite()).await;
    let (foreign, _) = issue(&other.msp().await, json!({})).await;
    let foreign_device = HandDevice::enrol(&foreign).await;
    let foreign_zero = Shown {
        certificate: foreign["certificate_pem"].as_str().unwrap().to_owned(),
        key: foreign["private_key_pem"].as_str().unwrap().to_owned(),
    };
    for (what, shown) in [("zero", &foreign_zero), ("device", &foreign_device.shown)] {
        let wire = Wire::to_server_of(&bundle, Some(shown));
        assert_eq!(wire.alert(), Some(AlertDescription::UnknownCA), "{what}");
        assert!(wire.try_post(route::AVAILABILITY, &json!({})).await.is_err(), "{what}");
    }
    let mut mixed = foreign.clone();
    (mixed["server"], mixed["server_ca_pem"]) = (bundle["server"].clone(), bundle["server_ca_pem"].clone());
    let agent = Agent::start(platform.scratch(), "foreign", &mixed);
    agent
        .until_status("the agent says whose certificate it has", |s| {
            s["problems"]["enrolment"]["code"] == refusal::FOREIGN
        })
        .await;
}

// proves R2 (a revoked device stays out)
#[tokio::test]
async fn a_revoked_agent_says_so_and_does_not_enrol_again() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
    msp.until("/api/v1/findings", "it runs", |body| body["findings"].as_array().is_some_and(|f| !f.is_empty())).await;

    assert_eq!(msp.post(&format!("/api/v1/devices/{device}/revocation"), json!({})).await.status, 204);
    let revoked =
        |s: &Value| s["problems"].as_object().is_some_and(|p| p.values().any(|p| p["code"] == refusal::REVOKED));
    agent.until_status("the agent says that it is revoked", revoked).await;
    assert!(agent.log_text().contains(refusal::REVOKED));
    // Not after a new start either, although the zero bundle lies there and is good.
    agent.kill();
    agent.run_again();
    agent.until_status("the agent says that it is revoked", revoked).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(agent.is_running());
    let list = msp.get("/api/v1/devices").await.ok();
    assert_eq!(list["devices"].as_array().unwrap().len(), 1);
    assert!(list["devices"][0]["revoked_ms"].is_i64());
    let zeros = msp.get("/api/v1/zero-certificates").await.ok();
    assert_eq!(zeros["zero_certificates"][0]["uses"], 1);
}
