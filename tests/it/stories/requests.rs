//! Running a script on demand, as it looks on the wire: offered, fetched, let start once, and told to whoever asked.

use fitment_domain::id::SpoolEpoch;
use fitment_domain::request::{Order, open_order};
use fitment_domain::signature::Envelope;
use serde_json::{Value, json};

use crate::stories::telling::{metered, metrics};
use crate::support::databases::Database;
use crate::support::platform::{Answer, PASSWORD, Platform, Session};
use crate::support::script::{ask, events, execution, install, publish, until};
use crate::support::wire::{HandDevice, now};

pub(crate) const KEY: &str = "00112233445566778899aabbccddeeff";

/// Says that a device is there, and returns what it is told.
pub(crate) async fn poll(device: &HandDevice, available: bool, takes_orders: bool) -> Value {
    let (_, set) = device.set_after(None).await;
    let mut asked = json!({ "available": available, "set": set.time, "wait_ms": 0 });
    if takes_orders {
        asked["takes_orders"] = json!(true);
    }
    device.wire.post("/agent/v1/availability", &asked).await.ok()
}

pub(crate) async fn call(device: &HandDevice, transaction: &str, what: &str, body: Value) -> Answer {
    device.wire.post(&format!("/agent/v1/transactions/{transaction}{what}"), &body).await
}

pub(crate) async fn fetch(device: &HandDevice, transaction: &str) -> Order {
    let answer = call(device, transaction, "", json!({})).await.ok();
    let envelope: Envelope = serde_json::from_value(answer).unwrap();
    open_order(&envelope, &device.enrolled.instruction_key, &device.me(), now()).unwrap()
}

/// Reports the end of an execution, as the spool does.
pub(crate) async fn report(device: &HandDevice, order: &Order, sequence: u64, ending: Value) -> Value {
    let result = json!({
        "sequence": sequence, "installation": order.item.installation, "started": now(),
        "usage": fitment_domain::budget::Usage::default(),
        "outcome": { "execution": { "transaction": order.transaction, "ending": ending, "saved_s": 60 } },
    });
    let body = json!({ "spool": SpoolEpoch::from_random([5; 16]), "results": [result] });
    device.wire.post("/agent/v1/results", &body).await.ok()
}

struct Scene {
    platform: Platform,
    msp: Session,
    device: HandDevice,
    other: HandDevice,
    installation: String,
}

impl Scene {
    async fn new(database: Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = Platform::start_in(database, metered(folder.path())).await;
        publish(&platform, 0).await;
        let msp = platform.msp().await;
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let (device, other) = (HandDevice::enrol(&bundle).await, HandDevice::enrol(&bundle).await);
        let installation = install(&msp, json!("all")).await;
        Self { platform, msp, device, other, installation }
    }

    async fn ask(&self) -> (Value, String) {
        let request = ask(&self.msp, &self.installation, &[self.device.enrolled.device.as_str()]).await;
        let transaction = request["executions"][0]["transaction"].as_str().unwrap().to_owned();
        (request, transaction)
    }
}

pub(crate) async fn story(database: Database) {
    let scene = Scene::new(database).await;
    let Scene { platform, msp, device, other, installation } = &scene;
    let (_, set) = device.set_after(None).await;
    assert!(set.items.is_empty(), "a script is in no set: it runs when somebody asks");
    let (request, transaction) = scene.ask().await;
    assert_eq!(transaction.len(), "txn_".len() + 32, "128 random bits");

    // Busy, or of before orders: no id. Available: id and "come again".
    assert_eq!(poll(device, false, true).await, json!({ "instructions_changed": false }));
    assert_eq!(poll(device, true, false).await, json!({ "instructions_changed": false }));
    assert_eq!(execution(msp, &request).await["state"], "waiting");
    let told = poll(device, true, true).await;
    assert_eq!((&told["come_again"], &told["transactions"]), (&json!(true), &json!([transaction])));
    assert_eq!(poll(other, true, true).await, json!({ "instructions_changed": false }));
    assert_eq!(execution(msp, &request).await["state"], "offered");

    // Another certificate, or another id: not there.
    let wrong = format!("txn_{}", "0".repeat(32));
    for (who, id) in [(other, transaction.as_str()), (device, wrong.as_str()), (device, "txn_x")] {
        for (what, body) in
            [("", json!({})), ("/start", json!({ "key": KEY })), ("/progress", json!({ "percent": 1, "message": "" }))]
        {
            let answer = call(who, id, what, body).await;
            assert_eq!((answer.status, answer.code()), (404, "not-found"), "{id}{what}");
        }
    }
    let early = call(device, &transaction, "/start", json!({ "key": KEY })).await;
    assert_eq!((early.status, early.code()), (409, "not-fetched"));

    // As often as it is asked for, exactly what was asked.
    let order = fetch(device, &transaction).await;
    assert_eq!(order, fetch(device, &transaction).await);
    assert_eq!(order.item.digest.as_str(), request["digest"]);
    // What nobody said is what the schema says.
    assert_eq!(order.parameters, json!({ "times": 2, "quiet": true }));
    assert_eq!((&order.parameters, order.item.installation.as_str()), (&request["parameters"], installation.as_str()));
    let path = format!("/agent/v1/objects/{}", order.item.digest);
    assert_eq!(other.wire.get(&path).await.status, 404);
    assert_eq!(device.wire.get(&path).await.status, 200);

    // Let start once; the same key may ask again.
    for (key, status) in [(KEY, 204), (KEY, 204), ("ffeeddccbbaa99887766554433221100", 409)] {
        assert_eq!(call(device, &transaction, "/start", json!({ "key": key })).await.status, status);
    }
    assert_eq!(call(device, &transaction, "", json!({})).await.code(), "already-started");
    assert_eq!(poll(device, true, true).await, json!({ "instructions_changed": false }));
    let told = json!({ "percent": 50, "message": "half of it" });
    assert_eq!(call(device, &transaction, "/progress", told.clone()).await.status, 204);
    assert_eq!(call(device, &transaction, "/progress", told).await.code(), "too-often");

    // Whoever asked watches it come to its end, and the stream ends by itself.
    let watching = tokio::spawn({
        let (url, token, request) = (platform.url(), msp.token.clone(), request.clone());
        let http = platform.http.clone();
        async move {
            let url = format!("{url}/api/v1/requests/{}/events", request["id"].as_str().unwrap());
            http.get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap()
        }
    });
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let done = json!({ "done": { "changed": true, "summary": "all is well", "output": [["answer", "42"]] } });
    for _ in 0..2 {
        assert_eq!(report(device, &order, 1, done.clone()).await["sequences"], json!([1]), "acknowledged, also again");
    }
    let stream = tokio::time::timeout(std::time::Duration::from_secs(20), watching).await.expect("it ends").unwrap();
    for part in ["event: state", "half of it", "all is well", "event: end\ndata: {\"over\":true}"] {
        assert!(stream.contains(part), "no {part:?} in {stream}");
    }
    let ended = execution(msp, &request).await;
    assert_eq!((&ended["state"], &ended["changed"], &ended["saved_s"]), (&json!("done"), &json!(true), &json!(60)));
    assert_eq!(ended["output"], json!([{ "name": "answer", "value": "42" }]));
    assert_eq!(events(platform, msp, &request).await.last().unwrap().0, "end");
    // A device that lost its memory and says something else afterwards changes nothing.
    report(device, &order, 2, json!("outcome-unknown")).await;
    assert_eq!(execution(msp, &request).await["state"], "done");
    assert_eq!(call(other, &transaction, "", json!({})).await.status, 404);
    let refused = report(other, &order, 1, done).await;
    assert_eq!(refused["refused"][0]["sequence"], 1, "nobody reports for another device: {refused}");
    // What was taken twice counts once.
    let counted = metrics(platform).await;
    for line in
        ["fitment_runs_total{kind=\"execution\"} 2", "fitment_results_total 2", "fitment_results_refused_total 1"]
    {
        assert!(counted.contains(line), "{line} in {counted}");
    }
}

// proves R3 (an installed script with parameters), R4, R5, R6 (results return to the requester)
#[tokio::test]
async fn an_order_goes_to_the_device_that_is_free_and_its_result_to_whoever_asked() {
    story(Database::sqlite()).await;
}

// proves R6 (a deadline)
#[tokio::test]
async fn what_has_not_begun_can_be_taken_back_expires_and_is_withdrawn_with_its_installation() {
    let scene = Scene::new(Database::sqlite()).await;
    let Scene { msp, device, installation, .. } = &scene;
    let id = device.enrolled.device.as_str();

    let (request, transaction) = scene.ask().await;
    fetch(device, &transaction).await;
    let path = format!("/api/v1/requests/{}", request["id"].as_str().unwrap());
    assert_eq!(msp.delete(&path).await.ok()["executions"][0]["state"], "cancelled");
    let answer = msp.delete(&path).await;
    assert_eq!((answer.status, answer.code()), (409, "nothing-to-cancel"));
    let answer = call(device, &transaction, "/start", json!({ "key": KEY })).await;
    assert_eq!((answer.status, answer.code()), (409, "execution-over"), "cancelled in time: it does not start");
    assert_eq!(poll(device, true, true).await, json!({ "instructions_changed": false }));

    let body = json!({ "installation": installation, "devices": [id], "deliver_within_s": 1 });
    let request = msp.post("/api/v1/requests", body).await;
    let (request, transaction) =
        (request.body["request"].clone(), request.body["request"]["executions"][0]["transaction"].clone());
    fetch(device, transaction.as_str().unwrap()).await;
    until(msp, &request, "expired").await;
    let answer = call(device, transaction.as_str().unwrap(), "/start", json!({ "key": KEY })).await;
    assert_eq!((answer.status, answer.code()), (409, "execution-over"), "too late: it does not start");
    assert_eq!(poll(device, true, true).await, json!({ "instructions_changed": false }));

    let (request, transaction) = scene.ask().await;
    assert_eq!(msp.delete(&format!("/api/v1/installations/{installation}")).await.status, 204);
    let answer = call(device, &transaction, "", json!({})).await;
    assert_eq!((answer.status, answer.code()), (409, "withdrawn"));
    let ended = execution(msp, &request).await;
    assert_eq!((&ended["state"], &ended["failure"]), (&json!("failed"), &json!("withdrawn")));
}

// proves M7 (reasons), R7 (many machines in one request), R3 (an installed script with parameters)
#[tokio::test]
async fn a_request_leaves_out_the_devices_that_may_not_each_with_its_reasons() {
    let scene = Scene::new(Database::sqlite()).await;
    let Scene { msp, device, other, installation, .. } = &scene;
    let ids = [device, other].map(|device| device.enrolled.device.to_string());
    let post = async |body: Value| msp.post("/api/v1/requests", body).await;

    let narrow = install(msp, json!({ "device": ids[0] })).await;
    let answer = post(json!({ "installation": narrow, "target": "all" })).await;
    assert_eq!(answer.status, 202, "{answer:#?}");
    assert_eq!(answer.body["request"]["executions"].as_array().unwrap().len(), 1);
    assert_eq!(answer.body["refused"][0]["device"], json!(ids[1]));
    assert_eq!(answer.body["refused"][0]["reasons"], json!(["the device is outside the scope of the installation"]));
    let answer = post(json!({ "installation": narrow, "devices": [ids[1]] })).await;
    assert_eq!((answer.status, answer.code()), (409, "does-not-fit"));
    let many = post(json!({ "installation": installation, "devices": ids })).await;
    assert_eq!(many.body["request"]["executions"].as_array().unwrap().len(), 2);

    for (body, code, words) in [
        (
            json!({ "installation": installation, "devices": ids, "parameters": { "times": 0 } }),
            "parameters-invalid",
            "parameters.times",
        ),
        (
            json!({ "installation": installation, "devices": ids, "parameters": { "x": 0 } }),
            "parameters-invalid",
            "'x'",
        ),
        (json!({ "installation": installation, "devices": [] }), "invalid", "devices"),
        (json!({ "installation": installation }), "invalid", "devices or a target"),
        (json!({ "installation": installation, "devices": ids, "deliver_within_s": 0 }), "invalid", "deliver_within_s"),
        (json!({ "installation": "ins_x", "devices": ids }), "not-found", "installation"),
        (json!({ "installation": installation, "devices": ["dev_x"] }), "not-found", "device"),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.code(), code, "{answer:#?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{answer:#?}");
    }
    let answer = msp
        .post("/api/v1/installations", json!({ "accessory": "fitment/works", "target": "all", "interval_s": 5 }))
        .await;
    assert!(answer.body["detail"].as_str().unwrap().starts_with("interval_s: "), "{answer:#?}");
    let listed = msp.get("/api/v1/requests").await.ok();
    assert_eq!(listed["requests"].as_array().unwrap().len(), 2);
    assert_eq!(listed["requests"][0]["states"], json!({ "waiting": 2 }));
    let audit = msp.get("/api/v1/audit").await.ok().to_string();
    assert!(audit.contains("request.make"), "{audit}");
}

// proves T1 (roles)
#[tokio::test]
async fn who_is_signed_out_or_disabled_is_told_nothing_more() {
    let platform = Platform::start(Database::sqlite()).await;
    publish(&platform, 0).await;
    let msp = platform.msp().await;
    let device = HandDevice::enrol(&msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"]).await;
    let installation = install(&msp, json!("all")).await;
    let request = ask(&msp, &installation, &[device.enrolled.device.as_str()]).await;
    for how in ["signs out", "is disabled"] {
        let email = format!("{}@example.com", how.replace(' ', "-"));
        let body = json!({ "email": email, "password": PASSWORD, "role": "technician", "clients": "all" });
        let person = msp.post("/api/v1/people", body).await.ok()["id"].clone();
        let watcher = platform.sign_in(&email).await;
        let watching = tokio::spawn({
            let (platform_url, http, token) = (platform.url().to_owned(), platform.http.clone(), watcher.token.clone());
            let url = format!("{platform_url}/api/v1/requests/{}/events", request["id"].as_str().unwrap());
            async move { http.get(url).bearer_auth(token).send().await.unwrap().text().await.unwrap() }
        });
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        assert!(!watching.is_finished(), "it waits for the device");
        match how {
            "signs out" => watcher.delete("/api/v1/sessions/current").await.ok(),
            _ => msp.delete(&format!("/api/v1/people/{}", person.as_str().unwrap())).await.ok(),
        };
        let said = tokio::time::timeout(std::time::Duration::from_secs(20), watching).await;
        let said = said.unwrap_or_else(|_| panic!("who {how} is told more")).unwrap();
        assert!(said.ends_with("event: end\ndata: {\"over\":false}\n\n"), "{how}: {said}");
    }
}
