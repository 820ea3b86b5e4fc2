//! One flipped byte is refused: at upload, at approval and install, and when the agent loads.

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::package::PackageLimits;
use fitment_domain::release::RELEASE_TYPE;
use fitment_domain::signature::{BadSignature, Envelope, PublicKey, Second, Signer, VerifiedPackage, Wanted, verify};
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Packing, Parts};
use crate::support::platform::{Answer, Platform, Session};
use crate::support::tamper::{self, Part, Tampered, flipped};
use crate::support::wire::HandDevice;

const OTHER: [u8; 32] = [9; 32];

/// The places of an upload in which one byte is flipped, by name.
fn flips(parts: &Parts) -> Vec<(&'static str, Parts)> {
    let reason = b"Reads how full";
    let manifest = parts.component.windows(reason.len()).position(|w| w == reason).unwrap();
    // The first nested section is the core module; its middle is code.
    let code = parts.component.len() / 2;
    assert!(code < manifest);
    let with = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts.clone();
        change(&mut parts);
        parts
    };
    vec![
        ("code", with(&|p| p.component = flipped(&p.component, code))),
        ("manifest", with(&|p| p.component = flipped(&p.component, manifest))),
        ("statement", with(&|p| p.statement = tamper::envelope(&p.statement, Part::Payload))),
        ("signature", with(&|p| p.statement = tamper::envelope(&p.statement, Part::Signature(0)))),
        ("listing", with(&|p| p.listing = flip_summary(&p.listing))),
    ]
}

fn flip_summary(listing: &[u8]) -> Vec<u8> {
    let word = b"Warns before";
    flipped(listing, listing.windows(word.len()).position(|w| w == word).unwrap())
}

/// The first door: nothing that was changed after it was signed becomes a release.
async fn at_upload(platform: &Platform, parts: &Parts) {
    let publisher = platform.publisher().await;
    for (place, parts) in flips(parts) {
        let answer = publisher.upload(&parts).await;
        assert_eq!((answer.status, answer.code()), (422, "upload-refused"), "{place}: {answer:#?}");
        let problems = answer.body["report"]["problems"].as_array().unwrap();
        let signature = problems.iter().find(|p| p["rule"] == "signature");
        assert_eq!(signature.unwrap_or_else(|| panic!("{place}: {problems:#?}"))["severity"], "error");
        assert_eq!(publisher.get("/api/v1/releases").await.ok()["releases"], json!([]), "{place}");
    }
    publisher.upload(parts).await.ok();
}

/// The files of one release in the object store.
struct Stored {
    component: std::path::PathBuf,
    statement: std::path::PathBuf,
}

impl Stored {
    async fn of(platform: &Platform, version: &str) -> Self {
        let release =
            platform.publisher().await.get(&format!("/api/v1/releases/fitment/disk-space/{version}")).await.ok();
        let (folder, file) = release["digest"].as_str().unwrap().split_at(2);
        let objects = platform.data().join("objects");
        Self {
            component: objects.join("sha256").join(folder).join(file),
            statement: objects.join(format!("statements/{}.json", release["id"].as_str().unwrap())),
        }
    }

    /// Flips a byte of one of the four things that both signatures vouch for.
    fn tamper(&self, place: &str) -> Tampered {
        let envelope = |part| Tampered::file(&self.statement, |bytes| tamper::envelope(bytes, part));
        match place {
            "component" => Tampered::file(&self.component, |bytes| flipped(bytes, bytes.len() / 2)),
            "statement" => envelope(Part::Payload),
            "publisher's signature" => envelope(Part::Signature(0)),
            "countersignature" => envelope(Part::Signature(1)),
            other => panic!("{other}"),
        }
    }
}

const PLACES: [&str; 4] = ["component", "statement", "publisher's signature", "countersignature"];

/// Nobody countersigns what the publisher did not sign.
async fn at_approval(platform: &Platform) {
    let stored = Stored::of(platform, "0.1.0").await;
    let approve =
        async || platform.operator().await.post("/api/v1/releases/fitment/disk-space/0.1.0/approval", json!({})).await;
    for place in &PLACES[..3] {
        let _tampered = stored.tamper(place);
        let answer = approve().await;
        assert_eq!((answer.status, answer.code()), (409, "does-not-verify"), "{place}");
        let envelope = Envelope::from_json(&std::fs::read(&stored.statement).unwrap()).unwrap();
        assert_eq!(envelope.signatures.len(), 1, "{place}: the platform signed what it had not verified");
    }
    let list = platform.publisher().await.get("/api/v1/releases").await.ok();
    assert_eq!(list["releases"][0]["state"], "in-review");
    approve().await.ok();
}

async fn install(msp: &Session) -> Answer {
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await
}

/// The second door: what was changed in the object store is neither installed nor assigned.
async fn at_install(platform: &Platform, msp: &Session, agent: &Agent) {
    let stored = Stored::of(platform, "0.1.0").await;
    for place in PLACES {
        let _tampered = stored.tamper(place);
        let answer = install(msp).await;
        assert_eq!((answer.status, answer.code()), (409, "does-not-verify"), "{place}");
        assert_eq!(msp.get("/api/v1/installations").await.ok()["installations"], json!([]), "{place}");
    }
    install(msp).await.ok();
    let status = agent.until_status("the untampered one runs", runs).await;
    // What the sandbox gave up here, it says: nothing is missing, or what is.
    assert!(status["sandbox_lacks"].is_array(), "{status:#}");
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    for place in PLACES {
        let tampered = stored.tamper(place);
        let device = HandDevice::enrol(&bundle).await;
        let (_, without) = device.set_after(None).await;
        assert_eq!(without.items, [], "{place}");
        drop(tampered);
        let (_, with) = device.set_after(Some(without.time)).await;
        assert_eq!(with.items.len(), 1, "{place}: assigned once the store is mended");
    }
}

fn item(status: &Value) -> &Value {
    &status["items"][0]
}

fn runs(status: &Value) -> bool {
    item(status)["state"] == "running" && !item(status)["last_run"].is_null()
}

fn cached(agent: &Agent) -> std::path::PathBuf {
    let mut objects = std::fs::read_dir(agent.state().join("cache/objects")).unwrap();
    objects.next().unwrap().unwrap().path()
}

/// The third door, with the server there: the agent fetches again what was changed on its disk, and refuses what was
/// changed on the way.
async fn at_load(platform: &Platform, msp: &Session, agent: &mut Agent, device: &str) {
    agent.kill();
    let tampered = Tampered::file(&cached(agent), |bytes| flipped(bytes, bytes.len() / 2));
    std::mem::forget(tampered); // the agent itself mends it
    agent.run_again();
    agent.until_status("the component is fetched again", runs).await;
    assert!(agent.log_text().contains("a cached component is removed"));
    let good = std::fs::read(cached(agent)).unwrap();

    agent.kill();
    std::fs::write(cached(agent), flipped(&good, good.len() / 2)).unwrap();
    let tampered = Stored::of(platform, "0.1.0").await.tamper("component");
    agent.run_again();
    let status = agent.until_status("what came from the store is refused", |s| item(s)["state"] == "refused").await;
    assert_eq!(item(&status)["last_run"], Value::Null);
    let path = format!("/api/v1/findings?device={device}");
    let told = |outcome: &'static str| move |body: &Value| body["runs"][0]["outcome"] == outcome;
    let body = msp.until(&path, "the MSP reads that it is refused", told("refused")).await;
    assert!(body["runs"][0]["message"].as_str().unwrap().contains("digest"), "{body:#}");
    drop(tampered);
    agent.until_status("it runs once the store is mended", runs).await;
    msp.until(&path, "and the MSP reads that", told("findings")).await;
}

/// The third door, with the server away: nothing that was changed runs, and what was not goes on.
async fn at_load_alone(platform: &mut Platform, agent: &mut Agent) {
    platform.kill();
    agent.kill();
    agent.run_again();
    agent.until_status("the kept set runs without the server", runs).await;
    agent.kill();

    let set = agent.state().join("set.json");
    for part in [Part::Payload, Part::Signature(0)] {
        let _tampered = Tampered::file(&set, |bytes| tamper::envelope(bytes, part));
        agent.run_again();
        let status = agent
            .until_status("a changed set is refused", |s| s["problems"]["kept-set"]["code"] == "kept-set-refused")
            .await;
        assert_eq!(status["items"], json!([]), "{part:?}");
        agent.kill();
    }
    // Even a set that is signed as it must be opens no other door: the release in it is verified on its own.
    let key: [u8; 32] = std::fs::read(platform.data().join("keys/instruction.key")).unwrap().try_into().unwrap();
    for (part, whose) in
        [(Part::Payload, "publisher"), (Part::Signature(0), "publisher"), (Part::Signature(1), "platform")]
    {
        let _tampered = Tampered::file(&set, |bytes| set_with(bytes, part, &SigningKey::from_bytes(&key)));
        agent.run_again();
        let status = agent.until_status("a changed release is refused", |s| item(s)["state"] == "refused").await;
        let reason = item(&status)["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("signature of the {whose} does not verify")), "{part:?}: {reason}");
        assert_eq!(item(&status)["last_run"], Value::Null);
        agent.kill();
    }
    let object = cached(agent);
    let tampered = Tampered::file(&object, |bytes| flipped(bytes, bytes.len() / 2));
    agent.run_again();
    let status = agent.until_status("a changed component is refused", |s| item(s)["state"] == "refused").await;
    assert!(item(&status)["reason"].as_str().unwrap().contains("digest"), "{status:#}");
    assert_eq!(item(&status)["last_run"], Value::Null);
    agent.kill();
    drop(tampered);

    // A refused set is no dead end: the next one comes from the server.
    std::fs::write(&set, tamper::envelope(&std::fs::read(&set).unwrap(), Part::Payload)).unwrap();
    agent.run_again();
    agent.until_status("a changed set is refused", |s| s["problems"]["kept-set"]["code"] == "kept-set-refused").await;
    platform.serve();
    let status = agent.until_status("the server's set runs", runs).await;
    assert_eq!(status["problems"]["kept-set"], Value::Null);
}

/// Flips a byte inside the release statement of the set's first item, and signs the set again.
fn set_with(kept: &[u8], part: Part, key: &SigningKey) -> Vec<u8> {
    use fitment_domain::instruction::{InstructionSet, SET_TYPE};
    let envelope = Envelope::from_json(kept).unwrap();
    let mut set: InstructionSet = envelope.open(SET_TYPE, &[(Signer::Platform, PublicKey::of(key))]).unwrap();
    let statement = tamper::envelope(&set.items[0].statement.to_json(), part);
    set.items[0].statement = Envelope::from_json(&statement).unwrap();
    Envelope::sign(SET_TYPE, &set, key).unwrap().to_json()
}

/// One release through all three doors, each time beside itself with one byte flipped.
pub(crate) async fn story(database: Database) {
    let mut platform = Platform::start(database).await;
    let parts = Packing::of("disk-space").signed_by(&platform.publisher_key);
    at_upload(&platform, &parts).await;
    at_approval(&platform).await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    at_install(&platform, &msp, &agent).await;
    at_load(&platform, &msp, &mut agent, &device).await;
    at_load_alone(&mut platform, &mut agent).await;
}

// proves M9
#[tokio::test]
async fn one_flipped_byte_is_refused_at_upload_at_install_and_at_load_on_sqlite() {
    story(Database::sqlite()).await;
}

fn verified(parts: &Parts, publisher: &SigningKey, platform: &SigningKey) -> Result<VerifiedPackage, BadSignature> {
    let wanted = Wanted { publisher: PublicKey::of(publisher), second: Second::Platform(PublicKey::of(platform)) };
    verify(&parts.component, &parts.statement, &wanted, &PackageLimits::standard())
}

fn keys() -> [SigningKey; 3] {
    [[7; 32], [8; 32], OTHER].map(|bytes| SigningKey::from_bytes(&bytes))
}

fn countersigned(parts: &Parts, platform: &SigningKey) -> Parts {
    let statement = Envelope::from_json(&parts.statement).unwrap().countersign(platform).unwrap().to_json();
    Parts { statement, ..parts.clone() }
}

// proves M9 (both signatures, each by its own key)
#[test]
fn a_door_wants_both_signatures_each_by_its_own_key() {
    let [publisher, platform, other] = keys();
    let by_publisher = Packing::of("disk-space").signed_by(&publisher);
    let good = countersigned(&by_publisher, &platform);
    let passed = verified(&good, &publisher, &platform).unwrap();
    assert_eq!(passed.package.digest, Digest::of(&good.component));

    assert_eq!(verified(&by_publisher, &publisher, &platform), Err(BadSignature::Missing(Signer::Platform)));
    let by_platform = Packing::of("disk-space").signed_by(&platform);
    assert_eq!(verified(&by_platform, &publisher, &platform), Err(BadSignature::Missing(Signer::Publisher)));
    let by_other = countersigned(&Packing::of("disk-space").signed_by(&other), &platform);
    assert_eq!(verified(&by_other, &publisher, &platform), Err(BadSignature::Missing(Signer::Publisher)));
    let by_other = countersigned(&by_publisher, &other);
    assert_eq!(verified(&by_other, &publisher, &platform), Err(BadSignature::Missing(Signer::Platform)));

    // The name of a key is no proof: another's signature under its name is invalid.
    for (number, signer) in [(0, Signer::Publisher), (1, Signer::Platform)] {
        let mut envelope = Envelope::from_json(&good.statement).unwrap();
        let foreign = envelope.clone().countersign(&other).unwrap().signatures.pop().unwrap();
        envelope.signatures[number].sig = foreign.sig;
        let forged = Parts { statement: envelope.to_json(), ..good.clone() };
        assert_eq!(verified(&forged, &publisher, &platform), Err(BadSignature::Invalid(signer)));
    }
    // A signature for another kind of statement is none for a release.
    let mut envelope = Envelope::from_json(&good.statement).unwrap();
    envelope.payload_type = "application/vnd.fitment.instruction-set+json".to_owned();
    let other_type = Parts { statement: envelope.to_json(), ..good.clone() };
    assert!(matches!(
        verified(&other_type, &publisher, &platform),
        Err(BadSignature::Type { expected: RELEASE_TYPE, .. })
    ));
}

// proves M9 (every byte counts)
#[test]
fn every_byte_of_the_statement_and_any_byte_of_the_component_counts() {
    let [publisher, platform, _] = keys();
    let good = countersigned(&Packing::of("disk-space").signed_by(&publisher), &platform);
    for at in 0..good.statement.len() {
        let bad = Parts { statement: flipped(&good.statement, at), ..good.clone() };
        assert!(verified(&bad, &publisher, &platform).is_err(), "byte {at} of the statement");
    }
    for at in (0..good.component.len()).step_by(997).chain([good.component.len() - 1]) {
        let bad = Parts { component: flipped(&good.component, at), ..good.clone() };
        assert!(matches!(verified(&bad, &publisher, &platform), Err(BadSignature::Digest { .. })), "byte {at}");
    }
    let (longer, shorter) =
        ([&good.component[..], b"\0"].concat(), good.component[..good.component.len() - 1].to_vec());
    for component in [longer, shorter] {
        let bad = Parts { component, ..good.clone() };
        assert!(matches!(verified(&bad, &publisher, &platform), Err(BadSignature::Digest { .. })));
    }
}
