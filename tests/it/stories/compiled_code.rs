//! Code that publisher and marketplace compiled: attested twice, taken by whoever asked for it, and compared by some.

mod scene;

use fitment_domain::artifact::{ARTIFACT_TYPE, ArtifactStatement, Build, Mismatch, Target};
use fitment_domain::bytes::Digest;
use fitment_domain::device::fact;
use fitment_domain::protocol::route;
use fitment_domain::run::Fact;
use fitment_domain::signature::Envelope;
use fitment_runner_client::ComponentRef;
use serde_json::{Value, json};

use self::scene::{ARTIFACTS, Scene, code, item, runs, target};
use super::test_tenant::with_item;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::Platform;
use crate::support::script;
use crate::support::wire::{HandDevice, facts, now};

// proves C3 (compiled once for many devices)
#[tokio::test]
async fn a_device_runs_what_publisher_and_marketplace_compiled_and_its_compiler_is_never_asked() {
    let scene = Scene::new().await;
    scene.attest().await;
    let said = scene.artifacts().await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("attested"), &Value::Null), "{said:#}");

    // Whoever did not ask for it gets nothing of it, and compiles.
    let plain = scene.device("plain", |_| true);
    let status = plain.agent.until_status("it runs", runs).await;
    assert_eq!(code(&status), "");
    assert!(item(&plain).artifact.is_none());
    assert_eq!(plain.asked(), ["identity", "compile"]);

    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let taker = scene.device("taker", |sampled| !sampled);
    let status = taker.agent.until_status("it runs", runs).await;
    assert_eq!(code(&status), "compiled by its publisher and the marketplace (build 1)");
    assert_eq!(taker.asked(), ["identity"], "nothing was compiled there");
    let status = plain.agent.until_status("the other one takes it too", |status| !code(status).is_empty()).await;
    assert!(code(&status).starts_with("compiled by "), "{status:#}");

    // An agent of before, which would refuse what it does not know, is offered nothing.
    let older = HandDevice::enrol(&scene.bundle).await;
    let mut have = None;
    let set = loop {
        let (_, set) = older.set_after(have).await;
        if !set.items.is_empty() {
            break set;
        }
        have = Some(set.time);
    };
    assert!(set.items[0].artifact.is_none());

    // The choice can be taken back, and stands in the log.
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": false })).await.ok();
    taker.agent.until_status("it compiles for itself", |status| runs(status) && code(status).is_empty()).await;
    assert!(item(&taker).artifact.is_none());
    taker.until_asked("compile").await;
    let log = scene.msp.get("/api/v1/audit").await.ok().to_string();
    assert!(log.contains("compiled-code.set"), "{log}");
    for who in [scene.platform.publisher().await, scene.platform.operator().await] {
        let log = who.get("/api/v1/audit").await.ok().to_string();
        assert!(log.contains("artifact.attest") && log.contains("artifact.countersign"), "{log}");
    }
}

// proves C3 (compiled code with both signatures alone)
#[tokio::test]
async fn code_that_is_not_in_order_is_compiled_by_the_device_which_says_why() {
    let mut scene = Scene::new().await;
    scene.attest().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let mut taker = scene.device("taker", |sampled| !sampled);
    taker.agent.until_status("it runs by it", |status| runs(status) && !code(status).is_empty()).await;
    let (good, said) = (item(&taker).artifact.unwrap(), scene.said.clone());
    assert_eq!(taker.asked(), ["identity"]);

    // What the object store holds was changed: the server does not hand it out.
    let object = scene.platform.data().join("objects/sha256");
    let object = object.join(&said.digest.as_str()[..2]).join(&said.digest.as_str()[2..]);
    let mut bytes = std::fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&object, bytes).unwrap();
    let other = scene.device("other", |sampled| !sampled);
    let status = other.agent.until_status("it runs all the same", |s| runs(s) && !code(s).is_empty()).await;
    assert!(code(&status).starts_with("compiled here: the offered code cannot be fetched: "), "{status:#}");
    assert!(code(&status).contains("the signed statement says"), "{status:#}");
    assert_eq!(other.asked(), ["identity", "compile"]);
    drop(other);

    // Somebody who holds the instruction key alone changes what is offered. The server is away: the device decides for itself.
    taker.agent.kill();
    scene.platform.kill();
    let (publisher, platform) = (scene.platform.publisher_key.clone(), scene.release_key());
    let signed = |said: &ArtifactStatement| {
        Envelope::sign(ARTIFACT_TYPE, said, &publisher).unwrap().countersign(&platform).unwrap()
    };
    let alone = Envelope::sign(ARTIFACT_TYPE, &said, &publisher).unwrap();
    let mut twice = alone.clone();
    twice.signatures.push(twice.signatures[0].clone());
    let mut changed = good.statement.clone();
    changed.payload =
        Envelope::sign(ARTIFACT_TYPE, &ArtifactStatement { bytes: 1, ..said.clone() }, &publisher).unwrap().payload;
    let other_target = Target::ALL.into_iter().find(|other| *other != target()).unwrap();
    let of = |change: fn(&mut ArtifactStatement)| {
        let mut said = said.clone();
        change(&mut said);
        signed(&said)
    };
    let cases = [
        (alone, 0, "signature of the platform is missing"),
        (twice, 0, "signature of the platform is missing"),
        (changed, 0, "signature of the publisher does not verify"),
        (of(|said| said.component = Digest::of(b"x")), 0, "it is of component"),
        (signed(&ArtifactStatement { target: other_target, ..said.clone() }), 0, "it is compiled for"),
        (of(|said| said.build.number += 1), 0, "it is of compiler 2"),
        (good.statement.clone(), 1_000, "the marketplace wants 1000 at least"),
        (of(|said| said.digest = Digest::of(b"x")), 0, "cannot be fetched"),
    ];
    for (statement, build_min, words) in cases {
        with_item(&scene.platform, &taker.agent, |item| {
            let offer = item.artifact.as_mut().unwrap();
            (offer.statement, offer.build_min) = (statement, build_min);
        });
        taker.agent.run_again();
        let status = taker.agent.until_status(words, |status| runs(status) && code(status).contains(words)).await;
        assert!(code(&status).starts_with("compiled here: "), "{status:#}");
        taker.agent.kill();
    }
    // Code of something else, which whoever wrote it could authenticate: it is not what was signed.
    {
        let sandbox = taker.sandbox().await;
        let other = sandbox.compile_for(&Packing::of("load").signed_by(&publisher).component, target()).await.unwrap();
        let component = ComponentRef { digest: said.component.clone(), bytes: scene.component.clone().into() };
        let kept = sandbox.adopted(&component.digest, &said.digest).await.expect("it is still there");
        sandbox.adopt(&component, &said.digest, kept).await.unwrap();
        sandbox.compile_here(&component.digest).await;
        sandbox.adopt(&component, &said.digest, other).await.unwrap();
    }
    with_item(&scene.platform, &taker.agent, |item| item.artifact = Some(good.clone()));
    taker.agent.run_again();
    let words = "the compiled code has ";
    let status = taker.agent.until_status(words, |status| runs(status) && code(status).contains(words)).await;
    assert!(code(&status).starts_with("compiled here: "), "{status:#}");
    taker.agent.kill();
    {
        let sandbox = taker.sandbox().await;
        let code = sandbox.compile_for(&scene.component, target()).await.unwrap();
        let component = ComponentRef { digest: said.component.clone(), bytes: scene.component.clone().into() };
        sandbox.adopt(&component, &said.digest, code.clone()).await.unwrap();
        sandbox.compile_here(&component.digest).await;
        sandbox.adopt(&component, &said.digest, code).await.unwrap();
    }
    // And back: the good one still counts, from the disk alone.
    with_item(&scene.platform, &taker.agent, |item| item.artifact = Some(good));
    taker.agent.run_again();
    let status =
        taker.agent.until_status("it runs by it again", |status| runs(status) && !code(status).is_empty()).await;
    assert!(code(&status).starts_with("compiled by "), "{status:#}");
}

// proves C3 (no compiled code of an early compiler)
#[tokio::test]
async fn below_the_earliest_compiler_nothing_is_offered_or_attested() {
    let scene = Scene::new().await;
    scene.attest().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let taker = scene.device("taker", |sampled| !sampled);
    taker.agent.until_status("it runs by it", |status| runs(status) && !code(status).is_empty()).await;
    let operator = scene.platform.operator().await;
    assert_eq!(operator.get("/api/v1/compiler-minimum").await.ok()["build_min"], 0);
    operator.put("/api/v1/compiler-minimum", json!({ "build_min": 2 })).await.ok();
    taker.agent.until_status("it compiles for itself", |status| runs(status) && code(status).is_empty()).await;
    assert!(item(&taker).artifact.is_none());
    taker.until_asked("compile").await;
    let refused = scene.put(&scene.signed()).await;
    assert_eq!((refused.status, refused.code()), (409, "does-not-verify"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("compiler build 1, the marketplace wants 2 at least"), "{detail}");
    operator.put("/api/v1/compiler-minimum", json!({ "build_min": 1 })).await.ok();
    let status = taker.agent.until_status("it is offered again", |status| !code(status).is_empty()).await;
    assert!(code(&status).starts_with("compiled by "), "{status:#}");
    assert!(operator.get("/api/v1/audit").await.ok().to_string().contains("compiler-minimum.set"));
}

// proves C3 (compared by a part of the devices)
#[tokio::test]
async fn a_device_that_compiles_something_else_has_the_code_withdrawn_everywhere() {
    let scene = Scene::new().await;
    scene.attest().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let honest = scene.device("honest", |sampled| sampled);
    let (publisher, operator) = (scene.platform.publisher().await, scene.platform.operator().await);
    honest.until_asked("compile-for").await;
    let status = honest.agent.until_status("it runs", runs).await;
    assert!(code(&status).starts_with("compiled by "), "{status:#}");
    let log = || std::fs::read_to_string(honest.agent.log()).unwrap();
    honest.agent.until_status("it compared", |_| log().contains("is what this device compiles too")).await;
    assert_eq!(scene.artifacts().await["state"], "attested");

    // The compiler of this one makes one byte more than everybody else's.
    let differing = scene.device_that_differs("differing");
    let withdrawn = |body: &Value| body["artifacts"][0]["state"] == "withdrawn";
    let body = publisher.until(ARTIFACTS, "it is withdrawn", withdrawn).await;
    let reason = body["artifacts"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("a device compiled ") && reason.contains(scene.said.digest.as_str()), "{reason}");
    for device in [&honest, &differing] {
        let gone = |status: &Value| runs(status) && code(status).is_empty();
        device.agent.until_status("it compiles for itself", gone).await;
        assert!(item(device).artifact.is_none());
        device.until_asked("compile").await;
    }
    // The operator reads who saw it; the publisher reads what, and not where.
    let device = item_device(&differing.agent.status());
    let log = operator.get("/api/v1/audit").await.ok().to_string();
    assert!(log.contains("artifact.withdraw") && log.contains(&device), "{log}");
    let log = publisher.get("/api/v1/audit").await.ok().to_string();
    assert!(log.contains("artifact.withdraw") && !log.contains(&device), "{log}");

    // Nobody attests it again before the operator lets them. A device that differed would say so again.
    drop(differing);
    assert_eq!(scene.put(&scene.signed()).await.code(), "withdrawn");
    operator.delete(&format!("{ARTIFACTS}/{}/withdrawal", target())).await.ok();
    assert_eq!(publisher.get(ARTIFACTS).await.ok()["artifacts"], json!([]));
    scene.attest().await;
    let refused = operator.post(&format!("{ARTIFACTS}/{}/withdrawal", target()), json!({ "reason": "x" })).await;
    assert_eq!(refused.code(), "invalid");
    let body = json!({ "reason": "another look is wanted" });
    let answer = operator.post(&format!("{ARTIFACTS}/{}/withdrawal", target()), body).await.ok();
    assert_eq!(answer["artifacts"][0]["reason"], "another look is wanted");
}

// proves C3 (compared by a part of the devices)
#[tokio::test]
async fn a_device_that_was_to_compare_and_cannot_says_so() {
    let scene = Scene::new().await;
    scene.attest().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let device = scene.device_that_cannot_compare("weak");
    let words = "compiled by its publisher and the marketplace (build 1); taken, not compared: ";
    device.agent.until_status(words, |status| runs(status) && code(status).starts_with(words)).await;
    assert_eq!(scene.artifacts().await["state"], "attested");
}

fn item_device(status: &Value) -> String {
    status["device"].as_str().unwrap().to_owned()
}

// proves C3 (compiled code with both signatures alone)
#[tokio::test]
async fn the_marketplace_signs_only_what_it_compiled_itself() {
    let scene = Scene::new().await;
    let (publisher, operator) = (scene.platform.publisher().await, scene.platform.operator().await);
    // Another digest than the platform's own compiler makes.
    let lie = ArtifactStatement { digest: Digest::of(b"something else"), ..scene.said.clone() };
    scene.put(&scene.sign(&lie)).await.ok();
    let refused = |body: &Value| body["artifacts"][0]["state"] == "refused";
    let body = publisher.until(ARTIFACTS, "it is refused", refused).await;
    let reason = body["artifacts"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(lie.digest.as_str()) && reason.contains(scene.said.digest.as_str()), "{reason}");
    let log = operator.get("/api/v1/audit").await.ok().to_string();
    assert!(log.contains("artifact.refuse") && log.contains(lie.digest.as_str()), "{log}");

    let again = scene.put(&scene.sign(&lie)).await;
    assert_eq!((again.status, again.code()), (409, "refused"), "it is not compiled once more so soon");

    // What is about something else, or by somebody else, does not even come so far.
    let other = Packing::of("load").signed_by(&scene.platform.publisher_key);
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let said = &scene.said;
    let cases = [
        (Envelope::sign(ARTIFACT_TYPE, said, &stranger).unwrap(), "signature of the publisher is missing"),
        (Envelope::sign("application/x", said, &scene.platform.publisher_key).unwrap(), "expected"),
        (
            scene.sign(&ArtifactStatement { component: Digest::of(&other.component), ..said.clone() }),
            "it is of component",
        ),
        (
            scene.sign(&ArtifactStatement { build: Build { number: 9, ..said.build.clone() }, ..said.clone() }),
            "of the marketplace's version",
        ),
        (scene.sign(&ArtifactStatement { bytes: u64::MAX, ..said.clone() }), "at most"),
    ];
    for (statement, words) in cases {
        let answer = scene.put(&statement).await;
        assert_eq!((answer.status, answer.code()), (409, "does-not-verify"), "{words}");
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "no {words:?} in {answer:#?}");
    }
    let other_target = Target::ALL.into_iter().find(|other| *other != target()).unwrap();
    let answer = publisher.put(&format!("{ARTIFACTS}/{other_target}"), json!(scene.signed())).await;
    assert_eq!(answer.code(), "not-supported");
    let answer = publisher.put(&format!("{ARTIFACTS}/vax-vms"), json!(scene.signed())).await;
    assert_eq!(answer.code(), "invalid");
    // The truth is taken after the lie, once.
    scene.attest().await;
    assert_eq!(scene.put(&scene.signed()).await.code(), "attested");
}

// proves C3 (compiled once for many devices)
#[tokio::test]
async fn a_script_that_somebody_orders_runs_by_code_that_others_compiled() {
    let platform = Platform::start(Database::sqlite()).await;
    let component = script::publish(&platform, 10).await;
    let installation = script::install(&platform.msp().await, json!("all")).await;
    let scene = Scene::around(platform, "works", &component).await;
    scene.attest().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let taker = scene.device("taker", |sampled| !sampled);
    let status = taker.agent.until_status("it has a set", |status| status["set"].is_object()).await;
    let request = script::ask(&scene.msp, &installation, &[status["device"].as_str().unwrap()]).await;
    script::until(&scene.msp, &request, "done").await;
    assert_eq!(taker.asked(), ["identity"], "nothing was compiled there");
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn a_release_that_is_quarantined_stays_so_when_somebody_compiles_it() {
    let scene = Scene::new().await;
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let mut device = scene.device("device", |sampled| !sampled);
    device.agent.until_status("it runs", runs).await;
    device.agent.kill();
    let now = now();
    let losses = json!({ "recent": [now, now], "quarantined": now });
    let failures = json!({ "stops": {}, "losses": { scene.said.component.as_str(): losses } });
    std::fs::write(device.agent.state().join("failures.json"), failures.to_string()).unwrap();
    device.agent.run_again();
    let quarantined = |status: &Value| {
        let outcome = &status["items"][0]["last_outcome"];
        outcome.as_str().is_some_and(|outcome| outcome.starts_with("quarantined: "))
    };
    device.agent.until_status("it is quarantined", quarantined).await;

    // The publisher has it in hand when this changes, and nobody at the MSP does.
    scene.attest().await;
    let ran = |status: &Value| status["items"][0]["last_run"].clone();
    let status = device.agent.until_status("it is offered", |_| item(&device).artifact.is_some()).await;
    let before = ran(&status);
    let status = device.agent.until_status("its turn comes", |s| !ran(s).is_null() && ran(s) != before).await;
    assert!(quarantined(&status), "{status:#}");

    let list = scene.msp.get("/api/v1/installations").await.ok();
    let path = format!("/api/v1/installations/{}", list["installations"][0]["id"].as_str().unwrap());
    scene.msp.patch(&path, json!({ "interval_s": 2 })).await.ok();
    device.agent.until_status("it is tried again", |status| runs(status) && !quarantined(status)).await;
}

/// Lets a device fetch an order of a script, and say that it compiled something else. Returns the status of the answer.
async fn says_it_differs(scene: &Scene, installation: &str, device: &HandDevice) -> u16 {
    let request = script::ask(&scene.msp, installation, &[device.enrolled.device.as_str()]).await;
    let order = script::execution(&scene.msp, &request).await;
    let path = format!("{}/{}", route::TRANSACTIONS, order["transaction"].as_str().unwrap());
    device.wire.post(&path, &json!({})).await.ok();
    let said = Mismatch { component: scene.said.component.clone(), got: Digest::of(b"something else") };
    let path = format!("{}/{}/mismatch", route::ARTIFACTS, scene.said.digest);
    device.wire.post(&path, &said).await.status
}

// proves C3 (compared by a part of the devices)
#[tokio::test]
async fn a_device_that_is_offered_no_code_withdraws_none() {
    let platform = Platform::start(Database::sqlite()).await;
    let component = script::publish(&platform, 10).await;
    let installation = script::install(&platform.msp().await, json!("all")).await;
    let scene = Scene::around(platform, "works", &component).await;
    scene.attest().await;
    let mut facts = facts();
    facts.0.insert(fact::SANDBOX_TARGET.to_owned(), Fact::Text(target().to_string()));
    facts.0.insert(fact::SANDBOX_BUILD.to_owned(), Fact::Number(scene.said.build.number.into()));
    let taker = HandDevice::enrol_with(&scene.bundle, facts).await;
    taker.set_after(None).await;
    assert_eq!(says_it_differs(&scene, &installation, &taker).await, 404, "its MSP did not opt in");
    scene.msp.put("/api/v1/compiled-code", json!({ "accepted": true })).await.ok();
    let older = HandDevice::enrol(&scene.bundle).await;
    older.set_after(None).await;
    assert_eq!(says_it_differs(&scene, &installation, &older).await, 404, "it says nothing of what it takes");
    assert_eq!(scene.artifacts().await["state"], "attested");
    assert_eq!(says_it_differs(&scene, &installation, &taker).await, 204);
    assert_eq!(scene.artifacts().await["state"], "withdrawn");
}

#[tokio::test]
async fn an_msp_that_asked_for_nothing_gets_nothing() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    assert_eq!(msp.get("/api/v1/compiled-code").await.ok(), json!({ "accepted": false }));
}
