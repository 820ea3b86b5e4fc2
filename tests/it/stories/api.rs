//! The API as programs meet it: its own description, who may call what, errors that can be told apart, and no secret told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{PASSWORD, Platform, Session};

/// What needs no token.
pub(crate) const OPEN: &[&str] = &["GET /healthz", "GET /readyz", "POST /api/v1/sessions"];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Returns every route with its methods, as the description lists them.
pub(crate) fn described(openapi: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let methods = |item: &Value| item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
    openapi["paths"].as_object().unwrap().iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

/// Returns every route with its methods, as the router's source lists them.
fn routed() -> BTreeMap<String, BTreeSet<String>> {
    let source = include_str!("../../../platform/server/src/api.rs");
    let mut routes = BTreeMap::new();
    let one_line = source.split_whitespace().collect::<Vec<_>>().join(" ").replace(".route( ", ".route(");
    for line in one_line.split(".route(\"").skip(1) {
        let (path, handlers) = line.split_once('"').unwrap();
        let called = |method: &&str| handlers.contains(&format!("{}(", method.to_lowercase()));
        let methods: BTreeSet<String> = METHODS.into_iter().filter(called).map(str::to_owned).collect();
        assert!(!methods.is_empty(), "{line}");
        routes.insert(path.to_owned(), methods);
    }
    routes
}

/// Puts something into the place of each parameter of a path.
pub(crate) fn filled(path: &str) -> String {
    path.replace("{publisher}", "fitment")
        .replace("{name}", "disk-space")
        .replace("{version}", "0.1.0")
        .replace("{id}", "x")
        .replace("{subject}", "x")
        .replace("{target}", "x86_64-linux-v2")
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_description_lists_every_route_and_holds_together() {
    let platform = Platform::start(Database::sqlite()).await;
    let nobody = platform.nobody();
    assert_eq!(nobody.get("/healthz").await.status, 200);
    assert_eq!(nobody.get("/readyz").await.ok(), json!({ "ready": true }));
    let openapi = nobody.get("/api/openapi.json").await.ok();
    assert!(openapi["openapi"].as_str().unwrap().starts_with("3."), "{}", openapi["openapi"]);
    assert!(openapi["info"]["title"].is_string() && openapi["info"]["version"].is_string());

    let mut routes = routed();
    assert!(routes.len() > 20, "{routes:?}");
    for unlisted in ["/metrics", "/api/openapi.json"] {
        assert!(routes.remove(unlisted).is_some());
    }
    assert_eq!(described(&openapi), routes);
    let mut names = BTreeSet::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let place = format!("{method} {path}");
            assert!(operation["responses"].as_object().is_some_and(|r| !r.is_empty()), "{place}");
            let text = |name: &str| operation[name].as_str().is_some_and(|text| !text.is_empty());
            assert!(text("summary") || text("description"), "{place} says what it does");
            assert!(operation["tags"][0].is_string(), "{place}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{place}: its name is there twice");
        }
    }
    let mut found = BTreeSet::new();
    references(&openapi, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(openapi.pointer(pointer).is_some(), "{reference} leads nowhere");
    }

    for (path, methods) in described(&openapi) {
        for method in METHODS {
            let answer = nobody.raw(method, &filled(&path), "application/json", "{}").await;
            if methods.contains(method) {
                assert!(![404, 405].contains(&answer.status), "{method} {path}: {answer:#?}");
            } else {
                assert_eq!((answer.status, answer.code()), (405, "method-not-allowed"), "{method} {path}");
            }
        }
    }
}

async fn call(who: &Session, operation: &str) -> crate::support::platform::Answer {
    let (method, path) = operation.split_once(' ').unwrap();
    who.raw(method, &filled(path), "application/json", "{}").await
}

#[tokio::test]
async fn no_route_but_the_open_ones_answers_whoever_is_not_signed_in() {
    let platform = Platform::start(Database::sqlite()).await;
    let openapi = platform.nobody().get("/api/openapi.json").await.ok();
    let operations: Vec<String> = described(&openapi)
        .into_iter()
        .flat_map(|(path, methods)| methods.into_iter().map(move |m| format!("{m} {path}")))
        .collect();
    let (publisher, msp, operator) = (platform.publisher().await, platform.msp().await, platform.operator().await);

    let signed_out = platform.msp().await;
    assert_eq!(signed_out.delete("/api/v1/sessions/current").await.status, 204);
    let mut wrong_secret = msp.token.clone();
    let last = wrong_secret.pop().unwrap();
    wrong_secret.push(if last == '0' { '1' } else { '0' });
    let with = |token: &str| {
        let mut session = msp.clone();
        session.token = token.to_owned();
        session
    };
    let strangers = [
        platform.nobody(),
        with("garbage"),
        with("fit_"),
        with(&wrong_secret),
        with(&format!("fit_{}_", "0".repeat(32))),
        signed_out,
    ];
    for operation in operations.iter().filter(|o| !OPEN.contains(&o.as_str())) {
        for stranger in &strangers {
            let answer = call(stranger, operation).await;
            assert_eq!(
                (answer.status, answer.code()),
                (401, "unauthenticated"),
                "{operation} with {:?}",
                stranger.token
            );
        }
    }
    for who in [&publisher, &msp, &operator] {
        assert_eq!(who.get("/api/v1/me").await.status, 200);
    }
    for token in ["Basic bXNwOnB3", "Bearer", "fit_x"] {
        let request = platform.http.get(format!("{}/api/v1/me", platform.url())).header("authorization", token);
        assert_eq!(request.send().await.unwrap().status().as_u16(), 401, "{token}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem_document_with_a_code_and_a_request_id() {
    let platform = Platform::start(Database::sqlite()).await;
    let (msp, publisher) = (platform.msp().await, platform.publisher().await);
    let json_type = "application/json";
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(256 * 1024));
    let cases: Vec<(&Session, &str, &str, &str, String, u16, &str)> = vec![
        (&msp, "GET", "/api/v1/nothing", json_type, String::new(), 404, "not-found"),
        (&msp, "PATCH", "/api/v1/clients", json_type, String::new(), 405, "method-not-allowed"),
        (&msp, "POST", "/api/v1/clients", json_type, "{".to_owned(), 400, "invalid-body"),
        (&msp, "POST", "/api/v1/clients", json_type, "{}".to_owned(), 422, "invalid-body"),
        (&msp, "POST", "/api/v1/clients", json_type, r#"{"name":"A","colour":1}"#.to_owned(), 422, "invalid-body"),
        (&msp, "POST", "/api/v1/clients", json_type, r#"{"name":7}"#.to_owned(), 422, "invalid-body"),
        (&msp, "POST", "/api/v1/clients", "text/plain", r#"{"name":"A"}"#.to_owned(), 415, "invalid-body"),
        (&msp, "POST", "/api/v1/clients", json_type, r#"{"name":""}"#.to_owned(), 422, "invalid"),
        (&msp, "POST", "/api/v1/clients", json_type, r#"{"name":"a\u0007b"}"#.to_owned(), 422, "invalid"),
        (&msp, "POST", "/api/v1/clients", json_type, large, 413, "too-large"),
        (&msp, "GET", "/api/v1/devices/x", json_type, String::new(), 404, "not-found"),
        (&msp, "GET", "/api/v1/devices/%FF", json_type, String::new(), 400, "invalid"),
        (&msp, "GET", "/api/v1/fit/fitment/disk-space?version=x", json_type, String::new(), 404, "not-found"),
        (&msp, "GET", "/api/v1/fit/Fitment/..%2Fx", json_type, String::new(), 404, "not-found"),
        (&msp, "POST", "/api/v1/zero-certificates", json_type, r#"{"uses_max":0}"#.to_owned(), 422, "invalid"),
        (
            &msp,
            "POST",
            "/api/v1/zero-certificates",
            json_type,
            r#"{"lifetime_s":99999999999}"#.to_owned(),
            422,
            "invalid",
        ),
        (
            &publisher,
            "PUT",
            "/api/v1/publisher/key",
            json_type,
            format!(r#"{{"public_key":"{}"}}"#, "0".repeat(64)),
            422,
            "invalid",
        ),
        (&publisher, "POST", "/api/v1/releases", json_type, "{}".to_owned(), 400, "invalid"),
        (
            &publisher,
            "POST",
            "/api/v1/releases",
            "multipart/form-data; boundary=x",
            "--x".to_owned(),
            400,
            "invalid-body",
        ),
        (
            &publisher,
            "POST",
            "/api/v1/releases",
            "multipart/form-data; boundary=x",
            "--x--\r\n".to_owned(),
            422,
            "invalid",
        ),
    ];
    let mut ids = BTreeSet::new();
    for (who, method, path, content_type, body, status, code) in cases {
        let shown: String = body.chars().take(60).collect();
        let answer = who.raw(method, path, content_type, body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path} {shown}: {answer:#?}");
        assert!(ids.insert(answer.request_id.clone()), "a request id came twice");
        let log = std::fs::read_to_string(platform.log()).unwrap();
        assert!(log.contains(&answer.request_id), "the log knows the request id");
    }
    let fields = msp.raw("POST", "/api/v1/clients", json_type, r#"{"name":"A","colour":1}"#).await;
    assert!(fields.body["detail"].as_str().unwrap().contains("colour"), "the field is named: {fields:#?}");
    let clients = msp.get("/api/v1/clients").await.ok();
    assert_eq!(clients["clients"].as_array().unwrap().len(), 1, "nothing was kept");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_the_same() {
    let platform = Platform::start(Database::sqlite()).await;
    let nobody = platform.nobody();
    let mut seen = BTreeSet::new();
    let mut work = [0; 2];
    for (number, email) in ["msp@example.com", "nobody@example.com"].into_iter().enumerate() {
        let before = ticks(platform.pid());
        for _ in 0..8 {
            let body = json!({ "email": email, "password": "wrong password, long enough" });
            let mut answer = nobody.post("/api/v1/sessions", body).await;
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"));
            answer.body["request_id"] = Value::Null;
            seen.insert(answer.body.to_string());
        }
        work[number] = ticks(platform.pid()) - before;
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
    // The same work is done for both; without it the unknown address would cost next to nothing.
    let [known, unknown] = work;
    assert!(
        unknown > known / 3 && known > unknown / 3,
        "a wrong password costs {known} ticks, an unknown address {unknown}"
    );
}

/// Returns the most memory, in KiB, that a process ever had.
fn memory_peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn many_sign_ins_at_once_wait_or_are_told_to_come_again() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.msp().await;
    let before = memory_peak_kib(platform.pid());
    let mut tries = tokio::task::JoinSet::new();
    for number in 0..40 {
        let nobody = platform.nobody();
        let email = ["msp@example.com", "nobody@example.com", "no address"][number % 3];
        tries.spawn(
            async move { nobody.post("/api/v1/sessions", json!({ "email": email, "password": PASSWORD })).await },
        );
    }
    for answer in tries.join_all().await {
        match answer.status {
            201 => {}
            401 => assert_eq!(answer.code(), "unauthenticated"),
            429 => assert_eq!(answer.code(), "too-often"),
            503 => assert_eq!(answer.code(), "busy"),
            other => panic!("{other}: {answer:#?}"),
        }
    }
    let grown = memory_peak_kib(platform.pid()) - before;
    assert!(grown < 6 * 46 * 1024, "each check takes 46 MiB, four go on at once; the server grew by {grown} KiB");
    platform.msp().await;
}

#[tokio::test]
async fn texts_without_control_characters_and_of_a_bounded_length() {
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("request-tracker").await;
    let msp = platform.msp().await;
    let long = "x".repeat(2_000);
    for text in ["a\u{0}b", "a\u{7}b", &long] {
        let category = json!({ "name": "Mine", "board": "Mine", "description": text });
        let answer = msp.post("/api/v1/categories", category).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid"), "{text:?}");
        for (field, value) in [("closed_status", text.to_owned()), ("url", format!("http://127.0.0.1:9/{text}"))] {
            let mut connection = json!({ "name": "RT", "accessory": "fitment/request-tracker",
                "url": "http://127.0.0.1:9", "secrets": { "token": "t" }, "consent": ["http"] });
            connection[field] = json!(value);
            let answer = msp.post("/api/v1/connections", connection).await;
            assert_eq!((answer.status, answer.code()), (422, "invalid"), "{field} {text:?}");
            assert!(answer.body["detail"].as_str().unwrap().contains(field), "{answer:#?}");
        }
    }
    let lines = json!({ "name": "Mine", "board": "Mine", "description": "one line\nand another" });
    msp.post("/api/v1/categories", lines).await.ok();
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    for number in 0..5 {
        msp.post("/api/v1/clients", json!({ "name": format!("Client {number}") })).await.ok();
    }
    let all = msp.get("/api/v1/audit").await.ok();
    let sequences = |log: &Value| -> Vec<i64> {
        log["entries"].as_array().unwrap().iter().map(|entry| entry["sequence"].as_i64().unwrap()).collect()
    };
    assert_eq!((sequences(&all), &all["intact"]), ((1..=5).collect(), &json!(true)));
    let earlier = msp.get("/api/v1/audit?before=4").await.ok();
    assert_eq!((sequences(&earlier), &earlier["intact"]), (vec![1, 2, 3], &json!(true)));
    assert_eq!(msp.get("/api/v1/audit?before=x").await.status, 400);
}

/// Returns how long a process was on the processor, whatever else this machine does.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // User and system time, fields 14 and 15 of proc(5); the third is the first after the name.
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Returns everything that a folder holds, file by file.
fn contents(folder: &std::path::Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            contents(&entry.path(), found);
        } else {
            found.push((entry.path().display().to_string(), std::fs::read(entry.path()).unwrap()));
        }
    }
}

#[tokio::test]
async fn no_secret_is_told_to_a_log_or_kept_in_the_clear() {
    const CREDENTIAL: &str = "1-23-0123456789abcdef-credential";
    let platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    platform.publish("request-tracker").await;
    let (msp, publisher) = (platform.msp().await, platform.publisher().await);
    let (agent, _) = Agent::enrol(&platform, &msp, "agent").await;
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
    msp.until("/api/v1/findings", "it runs", |body| body["findings"].as_array().is_some_and(|f| !f.is_empty())).await;
    // What is refused is where secrets slip out.
    let body = json!({ "name": "RT", "accessory": "fitment/request-tracker", "url": "http://127.0.0.1:9",
        "secrets": { "token": CREDENTIAL }, "consent": ["http"] });
    let refused = msp.post("/api/v1/connections", body).await;
    assert_eq!(refused.code(), "connection-refused");
    let mut told = vec![refused.body.to_string()];
    for body in [
        json!({ "email": "msp@example.com", "password": [PASSWORD] }),
        json!({ "email": "msp@example.com", "pass": PASSWORD }),
    ] {
        told.push(platform.nobody().post("/api/v1/sessions", body).await.body.to_string());
    }
    let bad = Packing::of("disk-space").signed_by(&platform.publisher_key);
    assert_eq!(publisher.upload(&bad).await.code(), "upload-refused");

    let token_secret = |session: &Session| session.token.rsplit('_').next().unwrap().to_owned();
    let mut secrets = vec![PASSWORD.to_owned(), CREDENTIAL.to_owned(), token_secret(&msp), token_secret(&publisher)];
    let bundle: Value =
        serde_json::from_slice(&std::fs::read(platform.scratch().join("agent.zero.json")).unwrap()).unwrap();
    let own = std::fs::read_to_string(agent.state().join("identity/key.pem")).unwrap();
    for pem in [bundle["private_key_pem"].as_str().unwrap(), &own] {
        secrets.push(pem.lines().nth(1).unwrap().to_owned());
    }
    told.push(std::fs::read_to_string(platform.log()).unwrap());
    told.push(agent.log_text());
    told.push(agent.status().to_string());
    for secret in &secrets {
        assert!(told.iter().all(|text| !text.contains(secret)), "a secret is told: {secret}");
    }
    assert!(told.iter().all(|text| !text.contains("PRIVATE KEY")));

    // Nor does the server keep them in a form that could be used again.
    let mut kept = Vec::new();
    contents(&platform.data(), &mut kept);
    let database = platform.database_url().strip_prefix("sqlite://").unwrap().to_owned();
    contents(std::path::Path::new(&database).parent().unwrap(), &mut kept);
    assert!(kept.iter().any(|(path, _)| path.ends_with("db.sqlite")));
    for secret in &secrets {
        for (path, bytes) in &kept {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{path} holds {secret}");
        }
    }
}
