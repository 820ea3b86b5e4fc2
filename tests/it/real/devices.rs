//! What monitors and scripts do on a device with services of its own, as that device's own tools see it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::device_host::DeviceHost;
use crate::support::platform::{Platform, Session};
use crate::support::script::until;

const DEMO: &str = "demo-target.service";
const OTHER: &str = "other-target.service";

/// A device that is enrolled, with two services.
struct Scene {
    // Dropped in this order: the device, the server.
    device: DeviceHost,
    id: String,
    msp: Session,
    platform: Platform,
}

impl Scene {
    async fn new(test: &str) -> Option<Self> {
        let device = DeviceHost::start(test)?;
        for unit in [DEMO, OTHER] {
            device.add_service(unit);
        }
        let platform = device.platform().await;
        let msp = platform.msp().await;
        let id = device.enrol(&msp).await;
        Some(Self { device, id, msp, platform })
    }

    /// Publishes an accessory and installs it on all devices.
    async fn install(&self, name: &str, more: Value) -> String {
        self.platform.publish(name).await;
        let mut body = json!({ "accessory": format!("fitment/{name}"), "target": "all" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let installed = self.msp.post("/api/v1/installations", body).await.ok();
        installed["installation"]["id"].as_str().unwrap().to_owned()
    }

    /// Runs a script once, and returns how it ended.
    async fn run(&self, installation: &str, parameters: Value, state: &str) -> Value {
        let body = json!({ "installation": installation, "devices": [self.id], "parameters": parameters });
        let answer = self.msp.post("/api/v1/requests", body).await.ok();
        until(&self.msp, &answer["request"], state).await
    }
}

fn finding<'a>(body: &'a Value, subject: &str) -> Option<&'a Value> {
    body["findings"].as_array()?.iter().find(|f| f["condition"] == "service" && f["subject"] == subject)
}

// proves C2 (a script on a device), R6 (results return to the requester)
#[tokio::test]
async fn a_service_that_died_is_seen_and_restarted_by_a_script_and_no_other_is_touched() {
    let Some(scene) = Scene::new("a_service_that_died_is_seen_and_restarted").await else { return };
    let Scene { device, msp, .. } = &scene;
    let watching = json!({ "config": { "services": [DEMO], "any_failed": false }, "interval_s": 1,
        "consent": ["services:read"] });
    scene.install("service-health", watching).await;
    let script = scene
        .install(
            "restart-service",
            json!({ "config": { "allowed_units": [DEMO] }, "consent": ["services:control", "services:read"] }),
        )
        .await;
    let health = |health: &'static str| {
        move |body: &Value| finding(body, DEMO).is_some_and(|finding| finding["health"] == health)
    };
    msp.until("/api/v1/findings", "the service is well", health("ok")).await;

    device.run(&format!("kill -KILL {}", device.service(DEMO).1));
    msp.until("/api/v1/findings", "the service has failed", health("critical")).await;
    let alert = |state: &'static str| move |body: &Value| body["alerts"][0]["state"] == state;
    msp.until("/api/v1/alerts", "an alert opens", alert("open")).await;
    assert_eq!(device.service(DEMO), ("failed".to_owned(), "0".to_owned()));

    // What was not allowed is refused on the device, and stays as it is.
    let other = device.service(OTHER);
    let refused = scene.run(&script, json!({ "unit": OTHER }), "failed").await;
    assert!(refused.to_string().contains("services:control"), "{refused:#}");
    assert_eq!((device.service(OTHER), other.0.as_str()), (other.clone(), "active"), "the same process");

    let done = scene.run(&script, json!({ "unit": DEMO }), "done").await;
    assert_eq!(
        (&done["changed"], &done["summary"]),
        (&json!(true), &json!(format!("{DEMO} was failed and is active now")))
    );
    assert!(done["saved_s"].as_u64().is_some_and(|s| s > 0), "{done:#}");
    let (state, pid) = device.service(DEMO);
    assert!(state == "active" && pid != "0", "{state} {pid}");
    msp.until("/api/v1/alerts", "the alert closes", alert("closed")).await;

    // A unit that runs is restarted all the same: another process.
    let again = scene.run(&script, json!({ "unit": DEMO }), "done").await;
    assert_eq!(again["summary"], format!("{DEMO} was active and is active now"));
    assert_ne!(device.service(DEMO).1, pid);
}

// proves C2 (a script on a device)
#[tokio::test]
async fn old_temporary_files_go_and_young_ones_stay() {
    let Some(scene) = Scene::new("old_temporary_files_go_and_young_ones_stay").await else { return };
    let Scene { device, .. } = &scene;
    device.run(
        "mkdir /tmp/deep && head -c 20M /dev/zero > /tmp/deep/old && touch /etc/old-elsewhere && \
         ln -s /etc/old-elsewhere /tmp/link",
    );
    // What is old is nothing that a test can set: it has to wait.
    tokio::time::sleep(Duration::from_secs(32)).await;
    // Unpacked just now, with the time that its contents had in 2019.
    device.run("touch -d 2019-01-01 /etc/unpacked && cp -p /etc/unpacked /tmp/young");
    let hours = 30.0 / 3_600.0;
    // More than one run may look at, one by one.
    device.run("for folder in 1 2; do mkdir /tmp/$folder; seq -f /tmp/$folder/%g 8000 | xargs touch; done");
    let used_kib = || device.run("df --output=used /tmp | tail -n 1").trim().parse::<u64>().unwrap();
    let before = used_kib();
    let script = scene.install("clean-temp", json!({ "consent": ["files:read", "files:write"] })).await;
    let would = scene.run(&script, json!({ "older_than_hours": hours, "dry_run": true }), "done").await;
    assert_eq!((&would["changed"], used_kib()), (&json!(false), before), "{would:#}");
    let done = scene.run(&script, json!({ "older_than_hours": hours, "dry_run": false }), "done").await;
    assert_eq!(done["changed"], true, "{done:#}");
    // The file, and the link itself: as many bytes as what it says.
    let freed = 20 * 1024 * 1024 + "/etc/old-elsewhere".len();
    assert!(done["output"].to_string().contains(&format!("\"{freed}\"")), "{done:#}");
    assert_eq!(before - used_kib(), 20 * 1024);
    let left = device.run("rm -r /tmp/1 /tmp/2; ls /tmp");
    assert!(left.contains("young") && !left.contains("link"), "{left}");
    assert_eq!(device.run("ls /tmp/deep; ls /etc/old-elsewhere"), "/etc/old-elsewhere");
}
