//! Accessories that fail on a real device again and again: one that traps rests, one that loses the runner is not run any more.

use fitment_domain::budget::BudgetAsked;
use fitment_domain::manifest::{AccessoryName, Manifest};
use fitment_runner_client::ComponentRef;
use serde_json::{Value, json};

use super::guest::{guest, guest_with};
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Packing, manifest_of};
use crate::support::platform::{Platform, Session};
use crate::support::programs::accessory;
use crate::support::script;

/// Publishes a guest as a monitor that asks nothing, and installs it everywhere at once a second.
async fn install(platform: &Platform, msp: &Session, name: &str) {
    install_guest(platform, msp, name, &guest(name), BudgetAsked::default()).await;
}

async fn install_guest(platform: &Platform, msp: &Session, name: &str, guest: &ComponentRef, budget: BudgetAsked) {
    let (component, listing) = accessory("load");
    let manifest = Manifest {
        name: AccessoryName::parse(&format!("fitment/{name}")).unwrap(),
        permissions: Vec::new(),
        config_schema: json!({ "type": "object" }),
        budget,
        ..manifest_of(&component)
    };
    let packing = Packing::around(guest.bytes.to_vec(), listing, manifest);
    platform.publish_parts(name, "0.1.0", &packing.signed_by(&platform.publisher_key)).await;
    let body = json!({ "accessory": format!("fitment/{name}"), "target": "all", "consent": [], "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok();
}

async fn until_run(msp: &Session, what: &str, outcome: &'static str) -> Value {
    let body = msp.until("/api/v1/findings", what, |body| body["runs"][0]["outcome"] == outcome).await;
    body["runs"][0].clone()
}

/// Kills the runner of an agent wherever it is found.
fn kill_runner(agent: &Agent) {
    for entry in std::fs::read_dir("/proc").unwrap() {
        let folder = entry.unwrap().path();
        let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        // "pid (name) state parent ...", the name cut at 15 characters.
        let Some((before, after)) = stat.rsplit_once(") ") else { continue };
        let parent = after.split(' ').nth(1).and_then(|parent| parent.parse().ok());
        if before.ends_with("(fitment-runner") && parent == Some(agent.pid()) {
            let pid: i32 = folder.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn an_accessory_that_traps_again_and_again_rests_and_says_so() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (agent, _) = Agent::enrol(&platform, &msp, "agent").await;
    install(&platform, &msp, "recurses").await;
    let run = until_run(&msp, "it rests", "backing-off").await;
    let message = run["message"].as_str().unwrap();
    assert!(message.contains("3 times within 10 minutes") && message.contains("change its configuration"), "{message}");
    agent
        .until_status("the device says so", |status| {
            status["items"][0]["last_outcome"].as_str().is_some_and(|outcome| outcome.starts_with("backing-off: "))
        })
        .await;
    // Nobody would notice an accessory that cannot look: that is an alert of its own.
    let alerts = msp.until("/api/v1/alerts", "an alert", |body| body["alerts"][0]["state"] == "open").await;
    assert_eq!(alerts["alerts"][0]["condition"], "accessory-failing");
    assert!(alerts["alerts"][0]["summary"].as_str().unwrap().starts_with("fitment/recurses does not run: "));
    let usage = platform.publisher().await.get("/api/v1/releases/fitment/recurses/0.1.0/usage").await.ok();
    let ended =
        |end: &str| usage["ends"].as_array().unwrap().iter().find(|e| e["end"] == end).map(|e| e["runs"].clone());
    assert_eq!(ended("trapped"), Some(json!(3)), "{usage:#}");
    assert_eq!((&usage["traps"], &usage["traps_not_shown"]), (&json!([]), &json!(1)), "one MSP alone saw it");
}

// proves C3 (a neighbour is not held up)
#[tokio::test]
async fn a_release_that_loses_the_runner_twice_is_quarantined_also_after_a_restart() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (mut agent, _) = Agent::enrol(&platform, &msp, "agent").await;
    install(&platform, &msp, "spins").await;
    let begun = std::time::Instant::now();
    let run = loop {
        kill_runner(&agent);
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        let body = msp.get("/api/v1/findings").await.ok();
        if body["runs"][0]["outcome"] == "quarantined" {
            break body["runs"][0].clone();
        }
        assert!(begun.elapsed() < super::lab::PATIENCE, "{body:#}\n{}", agent.log_text());
    };
    let message = run["message"].as_str().unwrap();
    assert!(
        message.contains("again and while nothing else ran") && message.contains("take another version"),
        "{message}"
    );
    agent.kill();
    agent.run_again();
    let at = run["at_ms"].as_i64().unwrap();
    let later = msp.until("/api/v1/findings", "a run after the restart", |body| {
        body["runs"][0]["at_ms"].as_i64().unwrap() > at + 2_000
    });
    assert_eq!(later.await["runs"][0]["outcome"], "quarantined");
    // Whoever changes the installation has it tried again.
    let list = msp.get("/api/v1/installations").await.ok();
    let path = format!("/api/v1/installations/{}", list["installations"][0]["id"].as_str().unwrap());
    msp.patch(&path, json!({ "interval_s": 2 })).await.ok();
    msp.until("/api/v1/findings", "it is tried again", |body| body["runs"][0]["outcome"] != "quarantined").await;
}

// proves R6 (a deadline)
#[tokio::test]
async fn an_order_whose_deadline_passes_while_it_waits_for_its_place_expires_and_runs_nothing() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    script::publish(&platform, 100).await;
    let order = script::install(&msp, json!("all")).await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    // Once, so that its code is there and nothing but a place is wanted.
    let first = script::ask(&msp, &order, &[&device]).await;
    script::until(&msp, &first, "done").await;
    // As many as there are places, that each hold a place for twelve seconds, again and again.
    let waits = guest_with("wasi", &[("nanoseconds", "9000000000000000000")]);
    for name in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
        let budget = BudgetAsked { wall_ms_max: Some(12_000), ..BudgetAsked::default() };
        install_guest(&platform, &msp, name, &waits, budget).await;
    }
    agent.until_status("all are there", |status| status["items"].as_array().is_some_and(|i| i.len() == 8)).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let body = json!({ "installation": order, "devices": [device], "deliver_within_s": 1 });
    let late = msp.post("/api/v1/requests", body).await.body["request"].clone();
    // The device fetched it in time, and was let start: it is the device that says what became of it.
    let began = std::time::Instant::now();
    while !agent.log_text().contains("the deadline of an order passed while it waited for its place") {
        assert!(began.elapsed() < super::lab::PATIENCE, "{}", agent.log_text());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    script::until(&msp, &late, "expired").await;
    assert_eq!(agent.log_text().matches("an order runs").count(), 1);
}
