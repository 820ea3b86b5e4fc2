//! Stores that are damaged behind the server's back: what is broken is said, nothing else is touched, and no inside is told.

use std::path::PathBuf;

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Answer, Platform, Session};

/// Returns the file of an object of a release, by the member that holds its digest.
async fn object(platform: &Platform, name: &str, digest: &str) -> PathBuf {
    let path = format!("/api/v1/releases/fitment/{name}/0.1.0");
    let release = platform.publisher().await.get(&path).await.ok();
    let (folder, file) = release[digest].as_str().unwrap().split_at(2);
    platform.data().join("objects/sha256").join(folder).join(file)
}

fn problems(release: &Value) -> Vec<&str> {
    release["problems"].as_array().unwrap().iter().map(|p| p["rule"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_damaged_listing_is_the_problem_of_its_release_alone() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("request-tracker").await;
    let publisher = platform.publisher().await;
    publisher.upload(&Packing::of("disk-space").signed_by(&platform.publisher_key)).await.ok();
    let listing = object(&platform, "disk-space", "listing_digest").await;
    let whole = std::fs::read(&listing).unwrap();

    let damages: [&dyn Fn(); 2] =
        [&|| std::fs::write(&listing, &whole[1..]).unwrap(), &|| std::fs::remove_file(&listing).unwrap()];
    for damage in damages {
        damage();
        let list = publisher.get("/api/v1/releases").await.ok();
        let releases = list["releases"].as_array().unwrap();
        let of = |accessory: &str| releases.iter().find(|r| r["accessory"] == accessory).unwrap();
        let (damaged, other) = (of("fitment/disk-space"), of("fitment/request-tracker"));
        assert_eq!((&damaged["summary"], problems(damaged).contains(&"listing-damaged")), (&json!(""), true));
        assert!(!other["summary"].as_str().unwrap().is_empty() && !problems(other).contains(&"listing-damaged"));
        let detail = publisher.get("/api/v1/releases/fitment/disk-space/0.1.0").await.ok();
        assert_eq!((&detail["readme"], problems(&detail).contains(&"listing-damaged")), (&json!(""), true));
    }
    // What was decided is answered as decided.
    let approved =
        platform.operator().await.post("/api/v1/releases/fitment/disk-space/0.1.0/approval", json!({})).await.ok();
    assert_eq!((&approved["state"], problems(&approved).contains(&"listing-damaged")), (&json!("published"), true));
}

async fn install(msp: &Session, consent: Value) -> Answer {
    msp.post("/api/v1/installations", json!({ "accessory": "fitment/disk-space", "target": "all", "consent": consent }))
        .await
}

async fn connect(msp: &Session) -> Answer {
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": "http://127.0.0.1:9",
        "secrets": { "token": "t" }, "consent": ["http"] });
    msp.post("/api/v1/connections", body).await
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_away_and_not_the_publishers_fault() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let mut kept = Vec::new();
    for name in ["disk-space", "request-tracker"] {
        platform.publish(name).await;
        let file = object(&platform, name, "digest").await;
        kept.push((file.clone(), std::fs::read(&file).unwrap()));
        // A link to itself does not open, and not because it is missing.
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&file, &file).unwrap();
    }
    let folder = platform.data().display().to_string();
    for answer in [install(&msp, json!(["metrics"])).await, connect(&msp).await] {
        assert_eq!((answer.status, answer.code()), (503, "store-unavailable"), "{answer:#?}");
        assert!(!answer.body.to_string().contains(&folder), "{answer:#?}");
    }
    for (file, bytes) in &kept {
        std::fs::remove_file(file).unwrap();
        std::fs::write(file, &bytes[1..]).unwrap();
    }
    for answer in [install(&msp, json!(["metrics"])).await, connect(&msp).await] {
        assert_eq!((answer.status, answer.code()), (409, "does-not-verify"), "{answer:#?}");
        assert!(!answer.body.to_string().contains(&folder), "{answer:#?}");
    }
    for (file, bytes) in &kept {
        std::fs::write(file, bytes).unwrap();
    }
    install(&msp, json!(["metrics"])).await.ok();
}

#[tokio::test]
async fn the_signed_manifest_decides_and_not_the_databases_copy() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    platform.publish("request-tracker").await;
    sqlx::any::install_default_drivers();
    let mut raw = sqlx::AnyConnection::connect(platform.database_url()).await.unwrap();
    let stolen = "update releases set manifest = json_remove(manifest, '$.permissions', '$.config_schema.required')";
    assert_eq!(raw.execute(stolen).await.unwrap().rows_affected(), 2);
    raw.close().await.unwrap();
    let msp = platform.msp().await;
    let refused = install(&msp, json!([])).await;
    assert_eq!((refused.status, refused.code()), (409, "consent-needed"), "{refused:#?}");
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": "http://127.0.0.1:9" });
    let refused = msp.post("/api/v1/connections", body).await;
    assert_eq!((refused.status, refused.code()), (409, "consent-needed"), "{refused:#?}");
    let installed = install(&msp, json!(["metrics"])).await.ok();
    assert_eq!(installed["installation"]["permissions"].as_array().unwrap().len(), 1, "{installed:#}");
}
