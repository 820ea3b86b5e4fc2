//! What an agent takes of its device's memory, with everything of the catalogue that runs on devices.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::time::Duration;

use fitment_domain::manifest::AccessoryName;
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::Packing;
use crate::support::platform::{Platform, Session};

const MONITORS: [&str; 8] =
    ["cpu", "disk-space", "load", "memory", "network-errors", "pending-updates", "service-health", "uptime"];
const INTERVAL_S: u64 = 30;
/// So many rounds of all of them, a look each second.
const ROUNDS: u64 = 2;
/// Scheduled accessories, each a component of its own.
const SCHEDULED: usize = 98;
const COMPILED_WITHIN_S: u64 = 600;
const BOUND_KIB: u64 = 45 * 1_000_000 / 1_024;

/// Publishes an accessory under another name, so that it is a component of its own, and installs it everywhere, agreeing to what it asks.
async fn install(platform: &Platform, msp: &Session, of: &str, name: &str, config: &Value) -> String {
    let packing =
        Packing::of(of).manifest(|manifest| manifest.name = AccessoryName::parse(&format!("fitment/{name}")).unwrap());
    platform.publish_parts(name, "0.1.0", &packing.signed_by(&platform.publisher_key)).await;
    let release = msp.get(&format!("/api/v1/releases/fitment/{name}/0.1.0")).await.ok();
    let asked = release["permissions"].as_array().unwrap().iter().map(|permission| permission["name"].clone());
    let body = json!({ "accessory": format!("fitment/{name}"), "target": "all", "config": config,
        "interval_s": (release["kind"] != "script").then_some(INTERVAL_S), "consent": asked.collect::<Vec<_>>() });
    msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].as_str().unwrap().to_owned()
}

/// Returns a process and all that descend from it, with their names.
fn tree(pid: u32) -> Vec<(u32, String)> {
    let name = read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let children = tasks.flat_map(|task| {
        let text = read_to_string(task.path().join("children")).unwrap_or_default();
        text.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<u32>>()
    });
    let below: Vec<_> = children.flat_map(tree).collect();
    [(pid, name)].into_iter().chain(below).collect()
}

/// Returns what a process takes, shared pages divided among those that share them, in KiB.
fn pss_kib(pid: u32) -> u64 {
    let text = read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[tokio::test]
async fn agent() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (agent, _) = Agent::enrol(&platform, &msp, "agent").await;
    let (web, agents) = (platform.url(), platform.agents_url());
    let host = |url: &str| url.split("://").nth(1).unwrap().to_owned();
    let probes = [
        ("http", json!({ "targets": [web] })),
        ("tcp", json!({ "targets": [host(&web)] })),
        ("dns", json!({ "targets": ["localhost"] })),
        ("tls-certificate", json!({ "targets": [host(&agents)], "ignore_chain": true })),
        ("ping", json!({ "targets": ["127.0.0.1"], "count": 1 })),
    ];
    let monitors = MONITORS.iter().map(|name| (*name, json!({})));
    let kinds: Vec<(&str, Value)> = monitors.chain(probes).collect();
    for number in 0..SCHEDULED {
        let (of, config) = &kinds[number % kinds.len()];
        install(&platform, &msp, of, &format!("{of}-{number}"), config).await;
    }
    let units = json!({ "allowed_units": ["no-such.service"] });
    install(&platform, &msp, "restart-service", "restart-service", &units).await;
    let script = install(&platform, &msp, "clean-temp", "clean-temp", &json!({})).await;
    // Each is compiled first, one after the other.
    let mut waited_s = 0;
    while msp.get("/api/v1/findings").await.ok()["runs"].as_array().unwrap().len() < SCHEDULED {
        assert!(waited_s < COMPILED_WITHIN_S, "not everything ran once within {COMPILED_WITHIN_S} s");
        waited_s += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    let (mut highest, mut parts, mut looks) = (0, BTreeMap::new(), 0_u64);
    for second in 0..ROUNDS * INTERVAL_S {
        if second % INTERVAL_S == 0 {
            let body = json!({ "installation": script, "target": "all", "parameters": { "dry_run": true } });
            msp.post("/api/v1/requests", body).await;
        }
        let processes = tree(agent.pid());
        let each: Vec<(String, u64)> = processes.into_iter().map(|(pid, name)| (name, pss_kib(pid))).collect();
        let sum = each.iter().map(|(_, kib)| kib).sum();
        if sum > highest {
            (highest, parts) = (sum, BTreeMap::new());
            each.into_iter().for_each(|(name, kib)| *parts.entry(name).or_insert(0) += kib);
        }
        looks += 1;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let runs = msp.get("/api/v1/findings").await.ok();
    let runs = runs["runs"].as_array().unwrap();
    let failed: Vec<&Value> = runs.iter().filter(|run| run["outcome"] != "findings").collect();
    // A machine without a systemd has no services to tell; all else has to run, as what does not run takes no memory.
    assert!(failed.iter().all(|run| run["message"].as_str().unwrap().starts_with("not supported")), "{failed:#?}");
    failed.iter().for_each(|run| println!("  here {}", run["message"]));
    println!(
        "{SCHEDULED} accessories every {INTERVAL_S} s and a script, {looks} looks: the most that the agent's processes took"
    );
    for (name, kib) in &parts {
        println!("  {:>7.1} MB   {name}", *kib as f64 * 1_024.0 / 1e6);
    }
    let within = if highest <= BOUND_KIB { "within" } else { "NOT within" };
    println!("  {:>7.1} MB   together (PSS); {within} the bound of 45 MB", highest as f64 * 1_024.0 / 1e6);
    let mb = |kib: u64| (kib as f64 * 1_024.0 / 1e5).round() / 10.0;
    let runner = parts.iter().filter(|(name, _)| name.contains("runner")).map(|(_, kib)| kib).sum();
    let (runner, others) = (mb(runner), mb(highest - runner));
    println!("  runner {runner} MB (bound 25), agent and brokers {others} MB (bound 20)");
    println!(
        "{}",
        json!({ "n": looks, "accessories": SCHEDULED + 2, "pss_kib_max": highest, "parts_kib": parts,
            "runner_pss_mb": runner, "supervisor_pss_mb": others })
    );
}
