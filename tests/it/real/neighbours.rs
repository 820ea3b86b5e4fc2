//! One that computes without end, beside a monitor and a script that somebody waits for, on a device of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fitment_domain::budget::BudgetAsked;
use fitment_domain::manifest::AccessoryName;
use serde_json::{Value, json};

use crate::hostile::guest::guest_with;
use crate::support::device_host::DeviceHost;
use crate::support::package::{Packing, manifest_of};
use crate::support::programs::accessory;
use crate::support::script::execution;

/// The monitor looks every second, and is late by no more than a second; the rest is for a busy machine.
const GAP_MAX: Duration = Duration::from_secs(6);
/// What the script takes, with the way of its order and its result: it has nothing to remove.
const SCRIPT_MAX: Duration = Duration::from_secs(20);
/// How long the monitor is watched.
const WATCHED: Duration = Duration::from_secs(25);

// proves C3 (a neighbour is not held up), C2 (a script on a device)
#[tokio::test]
async fn what_computes_without_end_delays_neither_a_monitor_nor_a_script() {
    let Some(device) = DeviceHost::start("what_computes_without_end_delays_neither_a_monitor_nor_a_script") else {
        return;
    };
    let platform = device.platform().await;
    let msp = platform.msp().await;
    let id = device.enrol(&msp).await;
    let pid = || device.service("fitment-agent.service").1;
    let before = pid();

    // It comes to its own end shortly before it would be ended, and begins again: nothing lets it rest.
    let (base, listing) = accessory("disk-space");
    let component = guest_with("spins", &[("turns", "900000000")]).bytes.to_vec();
    let packing = Packing::around(component, listing, manifest_of(&base)).version("0.1.0").manifest(|m| {
        m.name = AccessoryName::parse("fitment/spins").unwrap();
        m.permissions = Vec::new();
        m.config_schema = json!({ "type": "object" });
        m.budget = BudgetAsked { cpu_ms_max: Some(10_000), fuel_max: Some(10_000_000_000), ..BudgetAsked::default() };
    });
    platform.publish_parts("spins", "0.1.0", &packing.signed_by(&platform.publisher_key)).await;
    for name in ["uptime", "clean-temp"] {
        platform.publish(name).await;
    }
    let install = async |name: &str, more: Value| {
        let mut body = json!({ "accessory": format!("fitment/{name}"), "target": "all" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let installed = msp.post("/api/v1/installations", body).await.ok();
        installed["installation"]["id"].as_str().unwrap().to_owned()
    };
    let spins = install("spins", json!({ "interval_s": 1, "consent": [] })).await;
    let monitor = install("uptime", json!({ "interval_s": 1, "consent": ["metrics"] })).await;
    let script = install("clean-temp", json!({ "consent": ["files:read", "files:write"] })).await;
    let last = async |installation: &str| {
        let told = msp.get("/api/v1/findings").await.ok();
        let runs = told["runs"].as_array().unwrap().clone();
        runs.into_iter().find(|run| run["installation"] == installation)
    };
    msp.until("/api/v1/findings", "both have looked", |body| body["runs"].as_array().unwrap().len() == 2).await;

    let (mut looks, mut spun, begun) = (BTreeSet::new(), BTreeSet::new(), Instant::now());
    let (mut asked, mut took) = (None, None);
    while begun.elapsed() < WATCHED {
        looks.extend(last(&monitor).await.and_then(|run| run["at_ms"].as_i64()));
        if let Some(run) = last(&spins).await {
            assert_eq!(run["outcome"], "findings", "{run:#}");
            spun.insert((run["at_ms"].as_i64(), run["usage"]["cpu_us"].as_u64()));
        }
        match &asked {
            None if begun.elapsed() > Duration::from_secs(5) => {
                let parameters = json!({ "older_than_hours": 24, "dry_run": true });
                let body = json!({ "installation": script, "devices": [id], "parameters": parameters });
                asked = Some((Instant::now(), msp.post("/api/v1/requests", body).await.ok()["request"].clone()));
            }
            Some((at, request)) if took.is_none() => {
                took = (execution(&msp, request).await["state"] == "done").then(|| at.elapsed());
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(took.is_some_and(|took| took < SCRIPT_MAX), "the script is done after {took:?}");

    let gaps: Vec<i64> = looks.iter().zip(looks.iter().skip(1)).map(|(one, next)| next - one).collect();
    let worst = gaps.iter().copied().max().unwrap_or(i64::MAX);
    println!(
        "{} looks, the longest time between two was {worst} ms; the script took {took:?}; its neighbour: {spun:?}",
        looks.len()
    );
    assert!(looks.len() >= 8 && worst < i64::try_from(GAP_MAX.as_millis()).unwrap(), "{gaps:?}");
    assert!(spun.iter().any(|(_, cpu_us)| cpu_us.is_some_and(|us| us > 500_000)), "it computed: {spun:?}");
    assert_eq!(pid(), before, "the same agent");
}
