//! What a publisher and an operator do to a release after it was uploaded, and what MSPs see of it.

use serde_json::{Value, json};

use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Platform, Session};
use crate::support::wire::HandDevice;

fn path(version: &str, what: &str) -> String {
    format!("/api/v1/releases/fitment/disk-space/{version}{what}")
}

fn body(version: &str) -> Value {
    json!({ "accessory": "fitment/disk-space", "version": version, "target": "all", "consent": ["metrics"] })
}

async fn actions(who: &Session) -> Vec<String> {
    let log = who.get("/api/v1/audit").await.ok();
    log["entries"].as_array().unwrap().iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
}

// proves M5 (deprecated warns and installs, yanked runs on and does not install)
#[tokio::test]
async fn a_deprecated_release_warns_and_a_yanked_one_only_goes_on() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let (publisher, msp, operator) = (platform.publisher().await, platform.msp().await, platform.operator().await);
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let (_, empty) = device.set_after(None).await;

    let why = json!({ "reason": "memory is better", "replacement": "fitment/memory@2.0.0" });
    let refused = publisher.post(&path("0.1.0", "/deprecation"), json!({ "reason": "" })).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"));
    let deprecated = publisher.post(&path("0.1.0", "/deprecation"), why).await.ok();
    assert_eq!((&deprecated["state"], &deprecated["reason"]), (&json!("deprecated"), &json!("memory is better")));
    assert_eq!(
        publisher.post(&path("0.1.0", "/deprecation"), json!({ "reason": "again" })).await.code(),
        "wrong-state"
    );
    let warning = "this release is deprecated: memory is better; its publisher names fitment/memory@2.0.0 instead";
    assert_eq!(msp.get("/api/v1/fit/fitment/disk-space").await.ok()["warnings"], json!([warning]));
    assert_eq!(msp.post("/api/v1/installations", body("0.1.0")).await.ok()["warnings"], json!([warning]));
    let (_, set) = device.set_after(Some(empty.time)).await;
    assert_eq!(set.items.len(), 1);

    publisher.post(&path("0.1.0", "/yank"), json!({ "reason": "it lies" })).await.ok();
    let refused = msp.post("/api/v1/installations", body("0.1.0")).await;
    assert_eq!((refused.status, refused.code()), (409, "does-not-fit"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("the release is yanked") && detail.contains("it lies"), "{detail}");
    assert_eq!(msp.get("/api/v1/fit/fitment/disk-space").await.status, 404, "there is no newest one any more");
    let listed = msp.get("/api/v1/releases").await.ok();
    assert_eq!(
        (&listed["releases"][0]["state"], &listed["releases"][0]["reason"]),
        (&json!("yanked"), &json!("it lies"))
    );
    // Another machine enrols into the same installation: what is installed goes on, there as well.
    let second = HandDevice::enrol(&bundle).await;
    let (_, set) = second.set_after(None).await;
    assert_eq!(set.items.len(), 1, "the installation that was there goes on");
    // It can be tuned and narrowed where it runs, and goes nowhere else.
    let installation = msp.get("/api/v1/installations").await.ok()["installations"][0].clone();
    let change = format!("/api/v1/installations/{}", installation["id"].as_str().unwrap());
    let changed =
        msp.patch(&change, json!({ "interval_s": 60, "target": { "device": second.enrolled.device } })).await.ok();
    assert_eq!(changed["installation"]["interval_s"], 60);
    let refused = msp.patch(&change, json!({ "target": "all" })).await;
    assert_eq!((refused.status, refused.code()), (409, "does-not-fit"));

    assert_eq!(publisher.delete(&path("0.1.0", "/deprecation")).await.code(), "wrong-state");
    assert_eq!(publisher.delete(&path("0.1.0", "/yank")).await.ok()["state"], "published");
    let again = msp.post(
        "/api/v1/installations",
        json!({ "accessory": "fitment/disk-space", "version": "0.1.0",
        "target": { "device": second.enrolled.device }, "consent": ["metrics"] }),
    );
    let warnings = again.await.ok()["warnings"].clone();
    assert!(warnings[0].as_str().is_some_and(|warning| warning.contains("is installed there already")), "{warnings}");
    let done = actions(&publisher).await;
    for action in ["release.deprecate", "release.yank", "release.unyank"] {
        assert!(done.iter().any(|known| known == action), "{action} is not in {done:?}");
    }
    for who in [&msp, &operator] {
        assert_eq!(who.post(&path("0.1.0", "/yank"), json!({ "reason": "not mine" })).await.code(), "forbidden");
    }
}

// proves M5 (a publisher moves its own releases alone, rejected with a reason)
#[tokio::test]
async fn nobody_moves_anothers_release_and_an_operator_rejects_with_a_reason() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.add_account("publisher", "other", "other@example.com");
    platform.publish("disk-space").await;
    let other = platform.sign_in("other@example.com").await;
    assert_eq!(other.post(&path("0.1.0", "/yank"), json!({ "reason": "not mine" })).await.status, 404);

    let parts = Packing::of("disk-space").version("0.2.0").signed_by(&platform.publisher_key);
    let (publisher, operator) = (platform.publisher().await, platform.operator().await);
    publisher.upload(&parts).await.ok();
    let rejected = operator.post(&path("0.2.0", "/rejection"), json!({ "reason": "it reads too much" })).await.ok();
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(publisher.get(&path("0.2.0", "")).await.ok()["reason"], "it reads too much");
    assert_eq!(operator.post(&path("0.2.0", "/approval"), json!({})).await.code(), "not-in-review");
    assert_eq!(platform.msp().await.get(&path("0.2.0", "")).await.status, 404);
    assert!(actions(&operator).await.contains(&"release.reject".to_owned()));
}
