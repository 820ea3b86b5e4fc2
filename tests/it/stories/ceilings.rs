//! Ceilings: what a plan, an MSP, a client and a device take from what was agreed to, on devices, in orders, and in words.

use fitment_domain::capability::Permission;
use fitment_domain::instruction::InstructionSet;
use fitment_domain::run::Fact;
use serde_json::{Value, json};

use crate::stories::requests::{call, fetch};
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Platform, Session};
use crate::support::wire::{HandDevice, facts};

/// A first-party accessory that asks for more than it uses.
async fn publish(platform: &Platform, name: &str, permissions: Value) {
    publish_version(platform, name, "9.0.0", permissions, None).await;
}

async fn publish_version(platform: &Platform, name: &str, version: &str, permissions: Value, wall_ms_max: Option<u64>) {
    let packing = Packing::of(name).version(version).manifest(|m| {
        m.permissions = serde_json::from_value(permissions).unwrap();
        m.budget.wall_ms_max = wall_ms_max;
    });
    platform.publish_parts(name, version, &packing.signed_by(&platform.publisher_key)).await;
}

async fn install(msp: &Session, name: &str, consent: &[&str]) -> crate::support::platform::Answer {
    let body = json!({ "accessory": format!("fitment/{name}"), "target": "all", "consent": consent });
    msp.post("/api/v1/installations", body).await
}

struct Scene {
    platform: Platform,
    msp: Session,
    device: HandDevice,
    client: String,
    set: InstructionSet,
}

impl Scene {
    async fn new() -> Self {
        let platform = Platform::start(Database::sqlite()).await;
        let reads = json!([
            { "name": "metrics", "reason": "Reads figures." },
            { "name": "files:read", "reason": "Reads logs.", "globs": ["/etc/motd", "/var/**"] },
            { "name": "http", "reason": "Tells somebody.", "origins": ["https://api.example.com"] },
        ]);
        publish(&platform, "disk-space", reads).await;
        let msp = platform.msp().await;
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let device = HandDevice::enrol(&bundle).await;
        let client = msp.get("/api/v1/clients").await.ok()["clients"][0]["id"].as_str().unwrap().to_owned();
        let (_, before) = device.set_after(None).await;
        install(&msp, "disk-space", &["files:read", "http", "metrics"]).await.ok();
        let (_, set) = device.set_after(Some(before.time)).await;
        Self { platform, msp, device, client, set }
    }

    async fn limit(&mut self, subject: &str, permissions: Value) {
        let path = format!("/api/v1/permission-ceilings/{subject}");
        self.msp.put(&path, json!({ "permissions": permissions })).await.ok();
        self.next().await;
    }

    async fn next(&mut self) {
        let (_, set) = self.device.set_after(Some(self.set.time)).await;
        self.set = set;
    }

    fn globs(&self) -> Vec<String> {
        let scope = self.set.items[0].grants.scope(Permission::FilesRead);
        scope.map(|scope| scope.globs.iter().cloned().collect()).unwrap_or_default()
    }

    async fn permissions(&self) -> Value {
        let path = format!("/api/v1/devices/{}/permissions", self.device.enrolled.device);
        self.msp.get(&path).await.ok()["installations"][0].clone()
    }
}

// proves C3 (layers of plan and MSP and client and device)
#[tokio::test]
async fn what_a_plan_or_a_ceiling_takes_away_is_gone_from_the_device_and_told_with_its_name() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.globs(), ["/etc/motd", "/var/**"]);
    assert_eq!(scene.permissions().await["taken"], json!([]));

    // A pattern of the MSP's narrows patterns of the publisher's; a client's and a device's narrow further.
    scene.limit("msp", json!({ "metrics": {}, "files:read": { "globs": ["/var/log/**"] }, "http": { "origins": ["https://*.example.com"] } })).await;
    assert_eq!(scene.globs(), ["/var/log/**"]);
    let told = scene.permissions().await;
    assert_eq!(told["permitted"], true);
    assert_eq!(
        told["taken"][0]["sentence"],
        "the MSP's ceiling takes /etc/motd from files:read; widen it by /etc/motd; the MSP's ceiling narrows files:read from /var/** to /var/log/**"
    );
    let device = scene.device.enrolled.device.to_string();
    scene.limit(&device, json!({ "metrics": {}, "files:read": { "globs": ["/var/l*/app/**"] }, "http": {} })).await;
    assert_eq!(scene.globs(), ["/var/l*/app/** & /var/log/**"]);
    scene.msp.delete(&format!("/api/v1/permission-ceilings/{device}")).await;
    scene.next().await;
    assert_eq!(scene.globs(), ["/var/log/**"]);

    // A permission that is taken whole: it is not assigned, and says so.
    let client = scene.client.clone();
    scene
        .limit(&client, json!({ "metrics": {}, "files:read": {}, "http": { "origins": ["https://*.example.net"] } }))
        .await;
    assert!(scene.set.items.is_empty());
    let told = scene.permissions().await;
    let reason = told["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("not permitted here: the ceiling of client "), "{reason}");
    assert!(
        reason.ends_with("leaves nothing of http: https://api.example.com; widen it by https://api.example.com"),
        "{reason}"
    );
    assert_eq!(told["permitted"], false);
    let refused = install(&scene.msp, "disk-space", &["files:read", "http", "metrics"]).await;
    assert_eq!((refused.status, refused.code()), (409, "not-permitted"));
    assert!(refused.body["detail"].as_str().unwrap().contains("widen it by https://api.example.com"), "{refused:#?}");
    let fit = scene.msp.get("/api/v1/fit/fitment/disk-space").await.ok();
    assert_eq!((&fit["fits"], &fit["devices"][0]["reasons"][0]), (&json!(0), &json!(reason)));
    scene.msp.delete(&format!("/api/v1/permission-ceilings/{client}")).await;
    scene.next().await;
    assert_eq!(scene.set.items.len(), 1, "what was agreed to comes back");

    // A plan is the platform's: changing it reaches every MSP that has it.
    let operator = scene.platform.operator().await;
    let tenant = scene.device.enrolled.tenant.to_string();
    operator.put("/api/v1/plans/small", json!({ "permissions": { "metrics": {} } })).await.ok();
    operator.put(&format!("/api/v1/tenants/{tenant}/plan"), json!({ "plan": "small" })).await.ok();
    scene.next().await;
    assert!(scene.set.items.is_empty());
    let told = scene.permissions().await;
    assert!(told["reasons"][0].as_str().unwrap().contains("the plan \"small\" leaves nothing of"), "{told:#?}");
    operator
        .put("/api/v1/plans/small", json!({ "permissions": { "metrics": {}, "files:read": {}, "http": {} } }))
        .await
        .ok();
    scene.next().await;
    assert_eq!(scene.globs(), ["/var/log/**"]);
    assert_eq!(operator.delete("/api/v1/plans/small").await.code(), "in-use");
    let list = scene.msp.get("/api/v1/permission-ceilings").await.ok();
    assert_eq!((&list["plan"]["subject"], &list["ceilings"][0]["subject"]), (&json!("small"), &json!("msp")));

    // Who did what stands in the log; what does not read is refused with its field.
    let audit = scene.msp.get("/api/v1/audit").await.ok().to_string();
    for action in ["permission-ceiling.set", "permission-ceiling.remove", "tenant.plan", "plan.define"] {
        assert!(audit.contains(action), "{action}");
    }
    let bad = json!({ "permissions": { "files:read": { "globs": ["var"] } } });
    let refused = scene.msp.put("/api/v1/permission-ceilings/msp", bad).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"));
    assert!(refused.body["detail"].as_str().unwrap().contains("permissions.files:read.globs"), "{refused:#?}");
}

// proves C3 (layers of plan and MSP and client and device)
#[tokio::test]
async fn an_order_is_under_the_ceilings_of_the_moment_at_which_it_is_fetched() {
    let scene = Scene::new().await;
    let asks = json!([
        { "name": "files:read", "reason": "Looks around there.", "globs": ["/tmp/**"] },
        { "name": "files:write", "reason": "Cleans up there.", "globs": ["/tmp/**"] },
    ]);
    publish(&scene.platform, "clean-temp", asks).await;
    let installed = install(&scene.msp, "clean-temp", &["files:read", "files:write"]).await.ok();
    let body = json!({ "installation": installed["installation"]["id"], "devices": [scene.device.enrolled.device] });
    let mut transactions = Vec::new();
    for _ in 0..2 {
        let asked = scene.msp.post("/api/v1/requests", body.clone()).await;
        assert_eq!(asked.status, 202, "{asked:#?}");
        transactions.push(asked.body["request"]["executions"][0]["transaction"].as_str().unwrap().to_owned());
    }
    let narrow = json!({ "files:read": {}, "files:write": { "globs": ["/tmp/cache/**"] }, "metrics": {}, "http": {} });
    // The monitor's own grants do not change by this; nothing is to be waited for.
    let set =
        |permissions: Value| scene.msp.put("/api/v1/permission-ceilings/msp", json!({ "permissions": permissions }));
    set(narrow).await.ok();
    let order = fetch(&scene.device, &transactions[0]).await;
    let globs = order.item.grants.scope(Permission::FilesWrite).unwrap().globs.clone();
    assert_eq!(globs, ["/tmp/cache/**".to_owned()].into());

    set(json!({ "files:read": {} })).await.ok();
    let refused = call(&scene.device, &transactions[1], "", json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "withdrawn"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("the MSP's ceiling leaves nothing of files:write: /tmp/**"), "{detail}");
    let asked = scene.msp.post("/api/v1/requests", body).await;
    assert!(asked.body.to_string().contains("not permitted here"), "{asked:#?}");
}

// proves C3 (budgets granted up to the ceiling)
#[tokio::test]
async fn an_installation_is_granted_more_or_less_than_the_accessory_asks_up_to_the_ceiling() {
    let mut scene = Scene::new().await;
    let id = scene.set.items[0].installation.to_string();
    let default = scene.set.items[0].budget.clone();
    let path = format!("/api/v1/installations/{id}");
    let budget = json!({ "budget": { "memory_bytes_max": 64 * 1024 * 1024, "wall_ms_max": 10_000 } });
    let changed = scene.msp.patch(&path, budget.clone()).await.ok();
    assert_eq!(changed["installation"]["budget"], budget["budget"]);
    assert_eq!(changed["warnings"][0], "A run may spend more: memory_bytes_max 64 MiB instead of 8 MiB.");
    assert_eq!(changed["warnings"][1], "A run may spend less: wall_ms_max 10 s instead of 30 s.");
    scene.next().await;
    let granted = &scene.set.items[0].budget;
    assert_eq!((granted.memory_bytes_max, granted.wall_ms_max), (64 * 1024 * 1024, 10_000));
    assert_eq!(granted.fuel_max, default.fuel_max);

    let over = json!({ "budget": { "memory_bytes_max": 1024 * 1024 * 1024 } });
    let refused = scene.msp.patch(&path, over).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid"));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("budget.memory_bytes_max asks 1073741824, the ceiling is 134217728"), "{detail}");
    let unknown = scene.msp.patch(&path, json!({ "budget": { "table_elements_max": 1 } })).await;
    assert_eq!(unknown.status, 422, "what is the same for everybody is granted to nobody: {unknown:#?}");

    // What earlier agents do not read they are not told: their device does not fit, and keeps the rest.
    scene.msp.patch(&path, json!({ "budget": { "handles_max": 2_000 } })).await.ok();
    scene.next().await;
    assert_eq!(scene.set.items[0].budget.handles_max, 2_000);
    let mut earlier = facts();
    earlier.0.insert("agent.version".to_owned(), Fact::Text("0.1.0".to_owned()));
    let bundle = scene.msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let older = HandDevice::enrol_with(&bundle, earlier).await;
    let (_, none) = older.set_after(None).await;
    assert_eq!(none.items.len(), 0);

    scene.msp.patch(&path, json!({ "budget": {} })).await.ok();
    scene.next().await;
    assert_eq!(scene.set.items[0].budget, default);
    let (_, set) = older.set_after(Some(none.time)).await;
    assert_eq!(set.items[0].budget, default);
    assert!(
        scene.msp.get("/api/v1/audit").await.ok().to_string().contains("67108864"),
        "what was granted is in the log"
    );
}

// proves C3 (what changes between two releases)
#[tokio::test]
async fn what_changes_between_two_releases_is_said_in_sentences() {
    let scene = Scene::new().await;
    let asks = json!([
        { "name": "metrics", "reason": "Reads figures." },
        { "name": "files:read", "reason": "Reads logs.", "globs": ["/var/log/**", "/etc/issue"] },
        { "name": "state", "reason": "Remembers where it was." },
    ]);
    publish_version(&scene.platform, "disk-space", "9.1.0", asks, Some(60_000)).await;
    let path = "/api/v1/releases/fitment/disk-space/9.1.0/difference";
    let said = |answer: &Value, member: &str| -> Vec<String> {
        let rows = answer[member].as_array().unwrap().iter();
        rows.map(|row| row["sentence"].as_str().unwrap().to_owned()).collect()
    };
    let answer = scene.msp.get(path).await.ok();
    assert_eq!((&answer["from"], &answer["to"]), (&json!("9.0.0"), &json!("9.1.0")));
    assert_eq!(
        said(&answer, "permissions"),
        [
            "Now may also read files in /etc/issue.",
            "May no longer read files in /etc/motd, /var/**.",
            "Now may also keep a few kilobytes of its own on the device between runs.",
            "May no longer send HTTP requests to https://api.example.com.",
        ]
    );
    assert_eq!(said(&answer, "budget"), ["A run may spend more: wall_ms_max 60 s instead of 30 s."]);
    let none = scene.msp.get("/api/v1/releases/fitment/disk-space/9.0.0/difference").await.ok();
    assert_eq!((&none["from"], &none["permissions"]), (&Value::Null, &json!([])));

    // What an installation may do besides after a change is the same question.
    let id = scene.set.items[0].installation.to_string();
    let refused = scene.msp.patch(&format!("/api/v1/installations/{id}"), json!({ "version": "9.1.0" })).await;
    assert_eq!(refused.code(), "consent-needed");
    assert_eq!(
        refused.body["added"],
        json!(["May read files in /etc/issue.", "May keep a few kilobytes of its own on the device between runs."])
    );
}
