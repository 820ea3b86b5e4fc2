//! A publisher's keys change; releases do not.

use ed25519_dalek::SigningKey;
use fitment_domain::signature::PublicKey;
use serde_json::json;

use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::Platform;

// proves M9 (a new publisher's key signs the next releases, and the earlier ones still verify)
#[tokio::test]
async fn a_new_key_signs_the_next_releases_and_leaves_the_earlier_ones_alone() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    let publisher = platform.publisher().await;
    let new_key = SigningKey::from_bytes(&[9; 32]);
    let body = json!({ "public_key": PublicKey::of(&new_key).to_string() });
    publisher.put("/api/v1/publisher/key", body).await.ok();

    let by_the_old_key = Packing::of("disk-space").version("0.2.0").signed_by(&platform.publisher_key);
    assert_eq!(publisher.upload(&by_the_old_key).await.code(), "upload-refused");
    let by_the_new_key = Packing::of("disk-space").version("0.2.0").signed_by(&new_key);
    platform.publish_parts("disk-space", "0.2.0", &by_the_new_key).await;

    // The door of approval and installation opens for both.
    let msp = platform.msp().await;
    for version in ["0.1.0", "0.2.0"] {
        let body =
            json!({ "accessory": "fitment/disk-space", "version": version, "target": "all", "consent": ["metrics"] });
        let installed = msp.post("/api/v1/installations", body).await.ok();
        assert_eq!(installed["of"], 0, "no device is there yet: {installed:#}");
    }
}
