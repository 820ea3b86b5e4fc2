//! What the server tells those who run it: request ids, logs that are JSON, metrics.

use fitment_domain::id::TenantId;
use serde_json::{Value, json};

use crate::stories::tenancy::keep_connection;
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::platform::{PASSWORD, PATIENCE, Platform, Setting};

const TOKEN: &str = "the-token-of-a-scraper-0123456789";

/// A server whose metrics open with a token in a file of this folder.
pub(crate) fn metered(folder: &std::path::Path) -> Setting {
    let file = folder.join("token");
    std::fs::write(&file, TOKEN).unwrap();
    let more = vec!["--metrics-token-file".to_owned(), file.to_str().unwrap().to_owned()];
    Setting { more, ..Setting::default() }
}

/// Returns the metrics as text.
pub(crate) async fn metrics(platform: &Platform) -> String {
    scraped(platform, TOKEN).await.2
}

async fn scraped(platform: &Platform, token: &str) -> (u16, String, String) {
    let request = platform.http.get(format!("{}/metrics", platform.url())).bearer_auth(token);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map_or("", |v| v.to_str().unwrap()).to_owned();
    (status, kind, response.text().await.unwrap())
}

#[tokio::test]
async fn metrics_open_with_their_token_alone_and_name_nobody() {
    let closed = Platform::start(Database::sqlite()).await;
    assert_eq!(scraped(&closed, "").await.0, 404, "without a token file there are no metrics");
    drop(closed);

    let folder = tempfile::tempdir().unwrap();
    let mut setting = metered(folder.path());
    setting.more.extend(["--log-format".to_owned(), "json".to_owned()]);
    let platform = Platform::start_in(Database::sqlite(), setting).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "config": {}, "consent": ["metrics"], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
    let path = format!("/api/v1/findings?device={device}");
    msp.until(&path, "a finding", |body| !body["findings"].as_array().unwrap().is_empty()).await;
    for wrong in ["", "wrong", &msp.token] {
        assert_eq!(scraped(&platform, wrong).await.0, 401);
    }
    for number in 0..40 {
        platform.nobody().get(&format!("/nowhere/{number}")).await;
        msp.get(&format!("/api/v1/devices/dev_{number:032x}")).await;
    }
    let (status, kind, text) = scraped(&platform, TOKEN).await;
    assert_eq!((status, kind.starts_with("application/openmetrics-text")), (200, true));
    for wanted in [
        "fitment_http_requests_total{listener=\"web\",route=\"/api/v1/devices/{id}\",status=\"404\"} 40",
        "fitment_http_requests_total{listener=\"web\",route=\"unmatched\",status=\"404\"} 40",
        "fitment_runs_total{kind=\"findings\"}",
        "fitment_jobs_total{kind=\"assign\",outcome=\"done\"}",
        "fitment_devices 1",
        "fitment_devices_seen 1",
        "# EOF",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
    for name in [device.as_str(), "Acme", "example.com", "ten_"] {
        assert!(!text.contains(name), "{name} in a label");
    }
    assert!(text.lines().count() < 400, "{} lines", text.lines().count());
    logs(&platform, &agent, &msp.token).await;
}

/// Every kind of work has its own name in the metrics, also the one that fails.
#[tokio::test]
async fn work_that_fails_is_counted_by_its_kind() {
    let folder = tempfile::tempdir().unwrap();
    let platform = Platform::start_in(Database::sqlite(), metered(folder.path())).await;
    platform.publish("request-tracker").await;
    let msp = platform.msp().await;
    let tenant = TenantId::parse(msp.get("/api/v1/me").await.ok()["tenant"].as_str().unwrap()).unwrap();
    let connection = keep_connection(&platform, &msp, &tenant, 3, None).await;
    msp.post(&format!("/api/v1/connections/{connection}/sync"), json!({})).await.ok();
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let text = metrics(&platform).await;
        assert!(!text.contains("kind=\"other\""), "{text}");
        if text.contains("fitment_jobs_total{kind=\"sync\",outcome=\"failed\"}") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no failed sync in {text}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Every line is JSON, the lines of a request carry its id, and none holds a secret of this story.
async fn logs(platform: &Platform, agent: &Agent, token: &str) {
    let id = "0a1b2c3d-from-a-proxy";
    let get = |id: &str| platform.http.get(format!("{}/api/v1/me", platform.url())).header("x-request-id", id).send();
    let echoed = |response: &reqwest::Response| response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(echoed(&get(id).await.unwrap()), id);
    for bad in ["short", "with space in it", &"x".repeat(65), "semi;colon-and-more"] {
        assert_ne!(echoed(&get(bad).await.unwrap()), bad, "what is not well-formed is replaced");
    }
    let log = std::fs::read_to_string(platform.log()).unwrap();
    let lines: Vec<Value> =
        log.lines().filter(|l| l.starts_with('{')).map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(lines.len() > 20 && lines.len() == log.lines().count(), "every line is JSON");
    assert!(lines.iter().any(|line| line["span"]["request_id"] == id), "the line of that request carries its id");
    let keys =
        std::fs::read_dir(platform.data().join("keys")).unwrap().map(|e| std::fs::read(e.unwrap().path()).unwrap());
    let mut secrets: Vec<String> = vec![PASSWORD.to_owned(), TOKEN.to_owned(), token.to_owned()];
    secrets.push(token.rsplit('_').next().unwrap().to_owned());
    for key in keys {
        secrets.push(key.iter().map(|byte| format!("{byte:02x}")).collect());
        secrets.extend(String::from_utf8(key).ok().into_iter().flat_map(|pem| pem.lines().nth(1).map(str::to_owned)));
    }
    let all = format!("{log}{}", agent.log_text());
    for secret in secrets.iter().filter(|secret| secret.len() > 8) {
        assert!(!all.contains(secret.as_str()), "a secret of {} characters is in a log", secret.len());
    }
    assert!(!all.contains("PRIVATE KEY"));
}
