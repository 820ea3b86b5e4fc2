//! Orders with real agents: each runs at most once, whatever is killed in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::home::Home;
use crate::support::platform::{PASSWORD, Platform};
use crate::support::script::{ask, events, execution, install, publish, until};

// proves R3 (an installed script with parameters), R6 (results return to the requester)
#[tokio::test]
async fn a_script_runs_on_a_real_device_and_its_progress_and_result_come_back() {
    let platform = Platform::start(Database::sqlite()).await;
    publish(&platform, 1_500).await;
    let msp = platform.msp().await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let installation = install(&msp, json!("all")).await;
    let request = ask(&msp, &installation, &[&device]).await;
    let told = events(&platform, &msp, &request).await;
    let states: Vec<&Value> = told.iter().map(|(_, data)| &data["state"]).collect();
    assert!(states.contains(&&json!("started")), "{told:#?}");
    assert!(told.iter().any(|(_, data)| data["progress"] == "half of it" && data["percent"] == 50), "{told:#?}");
    assert_eq!(told.last().unwrap(), &("end".to_owned(), json!({ "over": true })));
    let ended = execution(&msp, &request).await;
    assert_eq!((&ended["state"], &ended["summary"]), (&json!("done"), &json!("all is well")), "{ended:#}");
    assert!(ended["usage"]["wall_us"].as_u64().is_some_and(|us| us >= 1_000_000), "{ended:#}");
    // One at a time: the next one waits until the device is free, and is not lost.
    let two = [ask(&msp, &installation, &[&device]).await, ask(&msp, &installation, &[&device]).await];
    for request in &two {
        until(&msp, request, "done").await;
    }
    // The same by command line.
    let home = Home::new(platform.scratch());
    let login = ["login", "--url", &platform.url(), "--email", "msp@example.com", "--password-stdin"];
    assert!(home.run("msp", &login, PASSWORD).status.success());
    let told = home.ok("msp", &["run", "fitment/works", "--device", &device, "--param", "times=3", "--wait"]);
    for part in ["50% half of it", "done", "all is well", "answer = 42"] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let ended = home.json("msp", &["run", "fitment/works", "--all", "--wait"]);
    assert_eq!(ended["executions"][0]["state"], "done");
    assert!(home.ok("msp", &["requests"]).contains("1 done"));
    assert!(home.ok("msp", &["requests", "show", ended["id"].as_str().unwrap()]).contains("all is well"));
    home.ends("msp", &["run", "fitment/works", "--all", "--param", "times=0"], 1, "parameters.times");
    home.ends("msp", &["requests", "cancel", ended["id"].as_str().unwrap()], 1, "nothing-to-cancel");
    assert_eq!(agent.log_text().matches("an order runs").count(), 5);
}

// proves R6 (at most once, a deadline)
#[tokio::test]
async fn an_agent_killed_in_a_run_does_not_run_it_again_and_says_that_the_outcome_is_unknown() {
    let platform = Platform::start(Database::sqlite()).await;
    publish(&platform, 2_000).await;
    let msp = platform.msp().await;
    let (mut agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let installation = install(&msp, json!("all")).await;
    let request = ask(&msp, &installation, &[&device]).await;
    until(&msp, &request, "started").await;
    msp.until(&format!("/api/v1/requests/{}", request["id"].as_str().unwrap()), "progress", |body| {
        body["executions"][0]["percent"] == 50
    })
    .await;
    agent.kill();
    // While it is away: one whose deadline passes, and one that waits for it.
    let body = json!({ "installation": installation, "devices": [device], "deliver_within_s": 1 });
    let late = msp.post("/api/v1/requests", body).await.body["request"].clone();
    let waiting = ask(&msp, &installation, &[&device]).await;
    until(&msp, &late, "expired").await;
    agent.run_again();
    until(&msp, &request, "outcome-unknown").await;
    until(&msp, &waiting, "done").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(execution(&msp, &request).await["state"], "outcome-unknown");
    assert_eq!(execution(&msp, &late).await["state"], "expired");
    assert_eq!(
        agent.log_text().matches("an order runs").count(),
        2,
        "the interrupted one ran once, the late one never"
    );
}

// proves R6 (at most once)
#[tokio::test]
async fn a_server_killed_in_a_run_still_gets_the_result() {
    let mut platform = Platform::start(Database::sqlite()).await;
    publish(&platform, 2_000).await;
    let msp = platform.msp().await;
    let (agent, device) = Agent::enrol(&platform, &msp, "agent").await;
    let installation = install(&msp, json!("all")).await;
    let (first, second) = (ask(&msp, &installation, &[&device]).await, ask(&msp, &installation, &[&device]).await);
    until(&msp, &first, "started").await;
    platform.kill();
    tokio::time::sleep(Duration::from_secs(5)).await;
    platform.serve();
    let msp = platform.msp().await;
    assert_eq!(until(&msp, &first, "done").await["summary"], "all is well");
    until(&msp, &second, "done").await;
    assert_eq!(agent.log_text().matches("an order runs").count(), 2);
}
