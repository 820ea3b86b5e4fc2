//! A device reports numbers; the MSP asks for them over time.

use fitment_domain::budget::Usage;
use fitment_domain::finding::{Finding, Health, Sample};
use fitment_domain::id::{InstallationId, SpoolEpoch};
use fitment_domain::protocol::{Outcome, Results, RunResult, route};
use fitment_domain::time::UnixMs;
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::support::databases::Database;
use crate::support::platform::{PATIENCE, Platform, Session};
use crate::support::records::rows;
use crate::support::wire::{HandDevice, now};

const MINUTE_MS: i64 = 60_000;

fn result(installation: &InstallationId, sequence: u64, at: UnixMs, value: f64) -> RunResult {
    let labels = vec![("mount".to_owned(), "/".to_owned())];
    let sample = Sample { name: "free".to_owned(), value, unit: "%".to_owned(), labels };
    let finding = Finding {
        health: Health::Ok,
        summary: "fine".to_owned(),
        details: None,
        samples: vec![sample],
        condition: "space".to_owned(),
        subject: Some("/".to_owned()),
    };
    RunResult {
        version: None,
        sequence,
        installation: installation.clone(),
        started: at,
        usage: Usage::default(),
        outcome: Outcome::Findings(vec![finding]),
        log: vec![],
    }
}

async fn points(msp: &Session, id: &str, query: &str) -> Value {
    msp.get(&format!("/api/v1/series/{id}/points?{query}")).await.ok()
}

pub(crate) async fn story(database: Database) {
    let platform = Platform::start(database).await;
    platform.publish("disk-space").await;
    let msp = platform.msp().await;
    let body = json!({ "accessory": "fitment/disk-space", "target": "all", "config": {}, "consent": ["metrics"], "interval_s": 60 });
    let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
    let device = HandDevice::enrol(&bundle).await;
    let installed = msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].clone();
    let installation = InstallationId::parse(installed.as_str().unwrap()).unwrap();

    // Two days of an outage come up at once, the second half first, and all of it a second time from another spool.
    let start = UnixMs(now().0 - 2_880 * MINUTE_MS);
    let minutes: Vec<u64> = (0..2_880).step_by(30).collect();
    let all: Vec<RunResult> = minutes
        .iter()
        .map(|m| result(&installation, m + 1, start.plus_ms(m * 60_000), 50.0 + (*m as f64) / 100.0))
        .collect();
    for spool in [[1; 16], [2; 16]] {
        for half in [48..96, 0..48] {
            let batch = Results { spool: SpoolEpoch::from_random(spool), results: all[half].to_vec() };
            let answer = device.wire.post(route::RESULTS, &batch).await.ok();
            assert_eq!(answer["sequences"].as_array().unwrap().len(), 48);
        }
    }

    let device_id = device.enrolled.device.to_string();
    let list = msp.get(&format!("/api/v1/series?device={device_id}")).await.ok();
    assert_eq!(
        (list["series"].as_array().unwrap().len(), &list["complete"], &list["dropped"]),
        (1, &json!(true), &json!([]))
    );
    let series = &list["series"][0];
    assert_eq!(
        (&series["name"], &series["unit"], &series["labels"]),
        (&json!("free"), &json!("%"), &json!([["mount", "/"]]))
    );
    let id = series["id"].as_str().unwrap();

    let (from, to) = (start.0, now().0);
    let raw = points(&msp, id, &format!("from={from}&to={to}&step=120000")).await;
    assert_eq!((&raw["tier"], raw["points"].as_array().unwrap().len()), (&json!("raw"), 96), "each sample once");
    let hours = points(&msp, id, &format!("from={from}&to={to}&step=3600000")).await;
    assert_eq!((&hours["tier"], &hours["step_ms"]), (&json!("hour"), &json!(3_600_000)));
    let counted: u64 = hours["points"].as_array().unwrap().iter().map(|p| p["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 96);
    let default = points(&msp, id, "").await;
    assert_eq!(default["tier"], "raw");

    for (query, words) in [("step=1", "ask for a larger step"), ("from=5&to=5", "to: must be later")] {
        let refused = msp.get(&format!("/api/v1/series/{id}/points?{query}")).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid"));
        assert!(refused.body["detail"].as_str().unwrap().contains(words), "{refused:?}");
    }
    platform.add_account("msp", "Other", "other@example.com");
    let other = platform.sign_in("other@example.com").await;
    assert_eq!(other.get(&format!("/api/v1/series/{id}/points")).await.status, 404);
    assert_eq!(other.get("/api/v1/series").await.ok()["series"], json!([]));
}

#[tokio::test]
async fn the_staff_decides_for_how_long_an_msps_numbers_are_kept() {
    let platform = Platform::start(Database::sqlite()).await;
    let (msp, operator) = (platform.msp().await, platform.operator().await);
    let tenant = msp.get("/api/v1/me").await.ok()["tenant"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/tenants/{tenant}/retention");
    let days = |samples: u32, five: u32, hours: u32| json!({ "samples_days": samples, "five_minutes_days": five, "hours_days": hours });
    assert_eq!(operator.get(&path).await.ok(), days(7, 90, 730), "what holds unless somebody decided");
    assert_eq!(operator.put(&path, days(1, 10, 100)).await.ok(), days(1, 10, 100));
    assert_eq!(operator.get(&path).await.ok(), days(1, 10, 100));
    for wrong in [days(0, 10, 100), days(20, 10, 100), days(1, 200, 100), days(1, 10, 4_000)] {
        let refused = operator.put(&path, wrong).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid"));
    }
    assert_eq!(msp.put(&path, days(9, 10, 100)).await.status, 403, "an MSP does not decide it");
    let nobody = format!("/api/v1/tenants/ten_{}/retention", "0".repeat(32));
    assert_eq!(operator.put(&nobody, days(1, 10, 100)).await.code(), "not-found");
    let audit = msp.get("/api/v1/audit").await.ok();
    let entry = audit["entries"].as_array().unwrap().last().unwrap();
    assert_eq!((&entry["action"], &entry["details"]), (&json!("tenant.retention"), &days(1, 10, 100)));
}

/// Two tenants, one of which has a chunk that does not read: the other's old numbers are rolled up and forgotten all the same.
#[tokio::test]
async fn a_damaged_chunk_stops_the_retention_of_no_other_tenant() {
    let mut platform = Platform::start(Database::sqlite()).await;
    platform.publish("disk-space").await;
    platform.add_account("msp", "Other", "other@example.com");
    let mut tenants = Vec::new();
    for msp in [platform.msp().await, platform.sign_in("other@example.com").await] {
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let device = HandDevice::enrol(&bundle).await;
        let body = json!({ "accessory": "fitment/disk-space", "target": "all", "consent": ["metrics"] });
        let installed = msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].clone();
        let installation = InstallationId::parse(installed.as_str().unwrap()).unwrap();
        let yesterday = UnixMs(now().0 - 1_440 * MINUTE_MS);
        let batch = Results {
            spool: SpoolEpoch::from_random([1; 16]),
            results: vec![result(&installation, 1, yesterday, 50.0)],
        };
        device.wire.post(route::RESULTS, &batch).await.ok();
        tenants.push(device.enrolled.tenant.to_string());
    }
    tenants.sort();
    platform.stop();
    let url = platform.database_url().to_owned();
    rows(
        &url,
        "update series_chunks set data = x'00', stale = 1 where tenant_id = (select min(tenant_id) from tenants)",
    )
    .await;
    rows(&url, "update series_chunks set stale = 1").await;
    rows(&url, "update results set received = 0").await;
    platform.serve();
    let deadline = std::time::Instant::now() + PATIENCE;
    let rolled_up = "select tenant_id from series_chunks where tier > 0 and stale = 0";
    loop {
        let done: Vec<String> = rows(&url, rolled_up).await.iter().map(|row| row.get("tenant_id")).collect();
        assert!(!done.contains(&tenants[0]), "what does not read is not rolled up");
        if done.contains(&tenants[1]) && rows(&url, "select spool from results").await.is_empty() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "retention stands still after {done:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let told = "select problem from jobs where kind = 'retain' and problem is not null";
    while rows(&url, told).await.is_empty() {
        assert!(std::time::Instant::now() < deadline, "nobody is told what is wrong");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn numbers_of_an_outage_come_late_twice_and_are_kept_once_on_sqlite() {
    story(Database::sqlite()).await;
}
