//! The first-party catalogue: every accessory is taken without a word against it, and looks at this very machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Packing, manifest_of};
use crate::support::platform::{Platform, Session};
use crate::support::programs::{accessory, program, programs};

/// The largest component of a monitor or a probe, in bytes.
const COMPONENT_BYTES_MAX: usize = 144 * 1024;

/// Cases on simulated devices: at the least one that is well and one that is not.
const CASES_MIN: usize = 2;

const MONITORS: [&str; 9] = [
    "cpu",
    "memory",
    "disk-space",
    "process-watch",
    "service-health",
    "uptime",
    "load",
    "network-errors",
    "pending-updates",
];
const PROBES: [&str; 5] = ["http", "tcp", "dns", "tls-certificate", "ping"];
const SCRIPTS: [&str; 2] = ["restart-service", "clean-temp"];

fn all() -> impl Iterator<Item = &'static str> {
    MONITORS.into_iter().chain(PROBES).chain(SCRIPTS)
}

// proves C2 (a catalogue of monitors and probes and scripts)
#[tokio::test]
async fn every_first_party_accessory_is_taken_without_a_word_against_it() {
    let platform = Platform::start(Database::sqlite()).await;
    let publisher = platform.publisher().await;
    for name in all() {
        let parts = Packing::of(name).signed_by(&platform.publisher_key);
        let report = publisher.upload(&parts).await.ok();
        let text = report.to_string();
        assert!(
            !text.contains("\"severity\":\"error\"") && !text.contains("\"severity\":\"warning\""),
            "{name}: {report:#}"
        );
    }
}

#[test]
fn monitors_and_probes_stay_small() {
    for name in MONITORS.into_iter().chain(PROBES) {
        let bytes = accessory(name).0.len();
        assert!(bytes <= COMPONENT_BYTES_MAX, "{name} has {bytes} bytes, at most {COMPONENT_BYTES_MAX} are wanted");
    }
}

/// Runs the cases of an accessory's folder on what was built of it.
fn tested(folder: &Path, name: &str) -> Output {
    let component = programs().parent().unwrap().join(format!("accessories/fitment-{name}-0.1.0.wasm"));
    let mut command = Command::new(program("fitment"));
    command.args(["--json", "test"]).arg(folder).arg("--component").arg(component).output().unwrap()
}

fn folders() -> Vec<PathBuf> {
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../accessories");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(catalogue).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    folders
}

// proves C4 (a simulated device)
#[test]
fn every_first_party_accessory_answers_as_its_cases_say() {
    let folders = folders();
    assert!(folders.len() >= MONITORS.len() + PROBES.len() + SCRIPTS.len(), "{folders:?}");
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let output = tested(&folder, name);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {said} {}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_str(&said).unwrap();
        let cases = answer["cases"].as_array().unwrap();
        assert!(
            cases.len() >= CASES_MIN,
            "{name} has {} cases in tests/, at least {CASES_MIN} are wanted",
            cases.len()
        );
    }
}

#[test]
fn another_answer_a_new_case_and_a_folder_without_cases_fail() {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../accessories/uptime");
    let copy = tempfile::tempdir().unwrap();
    let tests = copy.path().join("tests");
    std::fs::create_dir(&tests).unwrap();
    for (from, to) in [(original.clone(), copy.path().to_owned()), (original.join("tests"), tests.clone())] {
        for entry in std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            std::fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
        }
    }
    let fails = |words: &str| {
        let output = tested(copy.path(), "uptime");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success() && said.contains(words), "no {words:?} in {said}");
    };
    assert!(tested(copy.path(), "uptime").status.success());
    let snapshot = tests.join("days.snap");
    let accepted = std::fs::read_to_string(&snapshot).unwrap();
    std::fs::write(&snapshot, accepted.replace("up for 10 d", "up for 11 d")).unwrap();
    fails("up for 11 d");
    std::fs::remove_file(&snapshot).unwrap();
    fails("there is no");
    std::fs::remove_dir_all(&tests).unwrap();
    fails("there is no case");
}

async fn install(msp: &Session, name: &str, config: &Value) -> String {
    let asked = manifest_of(&accessory(name).0).asked().unwrap();
    let consent: Vec<&str> = asked.0.keys().map(|permission| permission.name()).collect();
    let accessory = format!("fitment/{name}");
    let body =
        json!({ "accessory": accessory, "target": "all", "config": config, "consent": consent, "interval_s": 1 });
    msp.post("/api/v1/installations", body).await.ok()["installation"]["id"].as_str().unwrap().to_owned()
}

fn findings<'a>(body: &'a Value, installation: &str) -> Vec<&'a Value> {
    body["findings"].as_array().unwrap().iter().filter(|f| f["installation"] == installation).collect()
}

/// What this machine itself says of its memory, in bytes.
fn memory_total() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemTotal:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

// proves C2 (monitors read this machine), C2 (probes look at other machines)
#[tokio::test]
async fn monitors_and_probes_report_what_is_there() {
    let platform = Platform::start(Database::sqlite()).await;
    let msp = platform.msp().await;
    let (_agent, _device) = Agent::enrol(&platform, &msp, "agent").await;
    let web = platform.url();
    let web_port = web.strip_prefix("http://").unwrap().to_owned();
    let agents_port = platform.agents_url().strip_prefix("https://").unwrap().to_owned();
    let target = |target: &str| json!({ "targets": [target] });
    let wanted = [
        ("cpu", json!({}), "cpu"),
        ("memory", json!({}), "memory"),
        ("disk-space", json!({}), "space"),
        ("uptime", json!({}), "age"),
        ("load", json!({}), "load"),
        ("network-errors", json!({ "exclude": [] }), "errors"),
        ("http", target(&format!("{web}/healthz")), "http"),
        ("tcp", target(&web_port), "tcp"),
        ("dns", target("localhost"), "dns"),
        ("tls-certificate", target(&agents_port), "chain"),
    ];
    for (name, config, condition) in &wanted {
        platform.publish(name).await;
        let installation = install(&msp, name, config).await;
        let what = format!("a finding of {name}");
        let found = |body: &Value| findings(body, &installation).iter().any(|f| f["condition"] == *condition);
        let body = msp.until("/api/v1/findings", &what, found).await;
        let finding = *findings(&body, &installation).iter().find(|f| f["condition"] == *condition).unwrap();
        judged(name, finding);
    }
}

/// The figures are this machine's.
fn judged(name: &str, finding: &Value) {
    let sample = |sample: &str| {
        let all = finding["samples"].as_array().unwrap();
        all.iter().find(|s| s["name"] == sample).unwrap_or_else(|| panic!("{finding:#}"))["value"].as_f64().unwrap()
    };
    match name {
        "cpu" => assert!((0.0..=100.0).contains(&sample("busy"))),
        "memory" => assert!(sample("used_bytes") > 0.0 && sample("used_bytes") < memory_total()),
        "http" | "tcp" => assert_eq!(finding["health"], "ok", "{finding:#}"),
        // Every machine's own list of names knows this one, whatever its name server says.
        "dns" => assert_eq!(finding["health"], "ok", "{finding:#}"),
        // The agents' listener shows a certificate of the platform's own authority, for which no device vouches.
        "tls-certificate" => assert_eq!(finding["health"], "critical", "{finding:#}"),
        _ => assert_ne!(finding["health"], "unknown", "{finding:#}"),
    }
}
