//! A publisher's test tenant runs what nobody approved; no other tenant and no other device does.

use ed25519_dalek::SigningKey;
use fitment_domain::id::TenantId;
use fitment_domain::instruction::{InstructionSet, Item, SET_TYPE};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::package::PackageLimits;
use fitment_domain::release::{DEVELOPMENT_TYPE, DevelopmentStatement};
use fitment_domain::signature::{BadSignature, Envelope, PublicKey, Second, Signer, Wanted, verify};
use fitment_domain::time::UnixMs;
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Packing, Parts};
use crate::support::platform::{PASSWORD, Platform, Session};
use crate::support::tamper::{self, Part};

const RELEASE: &str = "/api/v1/releases/fitment/disk-space/0.1.0";

/// A publisher with a test tenant and an upload that nobody approved. Returns whoever signs in to the tenant.
async fn lab(platform: &Platform) -> (Session, Session) {
    let publisher = platform.publisher().await;
    assert_eq!(publisher.post(&format!("{RELEASE}/test"), json!({})).await.status, 404);
    publisher.upload(&Packing::of("disk-space").signed_by(&platform.publisher_key)).await.ok();
    assert_eq!(publisher.post(&format!("{RELEASE}/test"), json!({})).await.code(), "no-test-tenant");
    let body = json!({ "email": "lab@example.com", "password": PASSWORD });
    publisher.post("/api/v1/test-tenant", body.clone()).await.ok();
    assert_eq!(publisher.post("/api/v1/test-tenant", body).await.code(), "test-tenant-exists");
    (publisher, platform.sign_in("lab@example.com").await)
}

async fn install(who: &Session) -> crate::support::platform::Answer {
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    who.post("/api/v1/installations", body).await
}

fn state(status: &Value) -> &Value {
    &status["items"][0]["state"]
}

/// Signs the kept set again with one of its items changed, as somebody would who holds the instruction key alone.
pub(super) fn with_item(platform: &Platform, agent: &Agent, change: impl FnOnce(&mut Item)) {
    let key: [u8; 32] = std::fs::read(platform.data().join("keys/instruction.key")).unwrap().try_into().unwrap();
    let key = SigningKey::from_bytes(&key);
    let path = agent.state().join("set.json");
    let kept = Envelope::from_json(&std::fs::read(&path).unwrap()).unwrap();
    let mut set: InstructionSet = kept.open(SET_TYPE, &[(Signer::Platform, PublicKey::of(&key))]).unwrap();
    change(&mut set.items[0]);
    std::fs::write(&path, Envelope::sign(SET_TYPE, &set, &key).unwrap().to_json()).unwrap();
}

async fn refused_with(agent: &mut Agent, words: &str) {
    agent.run_again();
    let status = agent.until_status("the item is refused", |status| state(status) == "refused").await;
    let reason = status["items"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(words), "no {words:?} in {reason:?}");
    assert_eq!(status["items"][0]["last_run"], Value::Null);
    agent.kill();
}

// proves M9 (what nobody approved runs in its publisher's test tenant alone), C4 (a test tenant)
#[tokio::test]
async fn what_nobody_approved_runs_in_the_publishers_test_tenant_and_nowhere_else() {
    let mut platform = Platform::start(Database::sqlite()).await;
    let (publisher, lab) = lab(&platform).await;
    let msp = platform.msp().await;
    assert_eq!(lab.get(RELEASE).await.status, 404, "before the platform signed for it");
    publisher.post(&format!("{RELEASE}/test"), json!({})).await.ok();

    // The server's door: this tenant sees and installs it, another one does not know of it.
    assert_eq!(lab.get(RELEASE).await.ok()["test_only"], true);
    for answer in [msp.get(RELEASE).await, install(&msp).await] {
        assert_eq!((answer.status, answer.code()), (404, "not-found"));
    }
    let (mut agent, _) = Agent::enrol(&platform, &lab, "agent").await;
    let installed = install(&lab).await.ok();
    assert!(installed["warnings"][0].as_str().unwrap().contains("nobody reviewed this release"), "{installed:#}");
    let runs = |status: &Value| state(status) == "running" && !status["items"][0]["last_run"].is_null();
    agent.until_status("it runs before anybody approved it", runs).await;
    agent.kill();
    platform.kill();

    // The agent's door: one flipped byte, another tenant's name, no statement at all, a device of no test tenant.
    let original = std::fs::read(agent.state().join("set.json")).unwrap();
    let development: [u8; 32] =
        std::fs::read(platform.data().join("keys/development.key")).unwrap().try_into().unwrap();
    let development = SigningKey::from_bytes(&development);
    with_item(&platform, &agent, |item| {
        let bytes = tamper::envelope(&item.development.as_ref().unwrap().to_json(), Part::Payload);
        item.development = Some(Envelope::from_json(&bytes).unwrap());
    });
    refused_with(&mut agent, "development key does not verify").await;
    std::fs::write(agent.state().join("set.json"), &original).unwrap();
    with_item(&platform, &agent, |item| {
        let known = [(Signer::Development, PublicKey::of(&development))];
        let mut said: DevelopmentStatement = item.development.as_ref().unwrap().open(DEVELOPMENT_TYPE, &known).unwrap();
        said.tenant = TenantId::from_random([7; 16]);
        item.development = Some(Envelope::sign(DEVELOPMENT_TYPE, &said, &development).unwrap());
    });
    refused_with(&mut agent, "countersigned for the test tenant").await;
    std::fs::write(agent.state().join("set.json"), &original).unwrap();
    with_item(&platform, &agent, |item| item.development = None);
    refused_with(&mut agent, "signature of the platform is missing").await;
    std::fs::write(agent.state().join("set.json"), &original).unwrap();
    let identity = agent.state().join("identity/identity.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&identity).unwrap()).unwrap();
    kept.as_object_mut().unwrap().remove("development_key").expect("a device of a test tenant knows the key");
    std::fs::write(&identity, kept.to_string()).unwrap();
    refused_with(&mut agent, "this device is in no test tenant").await;
    platform.serve();
}

// proves M9 (what nobody approved runs in its publisher's test tenant alone)
#[tokio::test]
async fn devices_of_other_tenants_are_never_told_the_development_key() {
    let platform = Platform::start(Database::sqlite()).await;
    let (_publisher, lab) = lab(&platform).await;
    for (who, told) in [(platform.msp().await, false), (lab, true)] {
        let bundle = who.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let device = crate::support::wire::HandDevice::enrol(&bundle).await;
        assert_eq!(device.enrolled.development_key.is_some(), told);
    }
}

fn verified(parts: &Parts, key: &SigningKey, tenant: &str, said: &DevelopmentStatement) -> Result<(), BadSignature> {
    let [publisher, development] = [[7; 32], [8; 32]].map(|bytes| SigningKey::from_bytes(&bytes));
    let statement = Envelope::sign(DEVELOPMENT_TYPE, said, key).unwrap();
    let second =
        Second::Development { key: PublicKey::of(&development), tenant: TenantId::parse(tenant).unwrap(), statement };
    let wanted = Wanted { publisher: PublicKey::of(&publisher), second };
    verify(&parts.component, &parts.statement, &wanted, &PackageLimits::standard()).map(drop)
}

// proves M9 (what nobody approved runs in its publisher's test tenant alone)
#[test]
fn a_development_statement_counts_for_one_tenant_one_release_and_one_key() {
    let [publisher, development, other] = [[7; 32], [8; 32], [9; 32]].map(|bytes| SigningKey::from_bytes(&bytes));
    let parts = Packing::of("disk-space").signed_by(&publisher);
    let newer = Packing::of("disk-space").version("0.2.0").signed_by(&publisher);
    let (here, there) = (TenantId::from_random([1; 16]), TenantId::from_random([2; 16]));
    let good = DevelopmentStatement {
        tenant: here.clone(),
        accessory: AccessoryName::parse("fitment/disk-space").unwrap(),
        version: "0.1.0".parse().unwrap(),
        digest: fitment_domain::bytes::Digest::of(&parts.component),
        created: UnixMs(1_700_000_000_000),
    };
    assert_eq!(verified(&parts, &development, here.as_str(), &good), Ok(()));
    assert!(matches!(verified(&parts, &development, there.as_str(), &good), Err(BadSignature::OtherTenant { .. })));
    assert!(matches!(verified(&newer, &development, here.as_str(), &good), Err(BadSignature::Digest { .. })));
    assert_eq!(verified(&parts, &other, here.as_str(), &good), Err(BadSignature::Missing(Signer::Development)));
    let renamed = DevelopmentStatement { version: "9.0.0".parse().unwrap(), ..good };
    assert!(matches!(
        verified(&parts, &development, here.as_str(), &renamed),
        Err(BadSignature::Disagrees { field: "version", .. })
    ));
}
