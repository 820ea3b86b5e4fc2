//! The corpus on a whole platform: uploaded by a publisher, installed on one device at once beside an honest neighbour, and told to the
//! server by the agent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fitment_domain::budget::{Budget, BudgetAsked};
use fitment_domain::capability::Permission;
use fitment_domain::manifest::{AccessoryName, Kind, PermissionAsked};
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::refused::uploads;
use super::text::{Ends, Guest, Side, guests};
use crate::support::agent::Agent;
use crate::support::databases::Database;
use crate::support::package::{Packing, Parts, manifest_of};
use crate::support::platform::{PASSWORD, Platform, Session};
use crate::support::programs::accessory;

/// How many uploads are under way at a time.
const AT_A_TIME: usize = 3;
/// What all of them take at most, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// An upload that is refused is answered within this time, on a busy machine.
const QUICK: Duration = Duration::from_secs(5);
/// The neighbour looks every second; this is how old its newest look may be while 170 others have their first runs.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Packs a guest as its author would: it asks for what it needs and for the budget that it wants.
fn packed(platform: &Platform, number: usize, guest: &Guest, side: Side) -> Parts {
    let (base, listing) = accessory("disk-space");
    let packing = Packing::around(guest.component(side).bytes.to_vec(), listing, manifest_of(&base));
    let packing = packing.version("0.1.0").manifest(|manifest| {
        manifest.name = AccessoryName::parse(&format!("fitment/{}", name(number, side))).unwrap();
        manifest.permissions = guest
            .asked()
            .0
            .into_iter()
            .map(|(permission, scope)| {
                let (origins, globs, hosts) = (scope.origins, scope.globs, scope.hosts);
                PermissionAsked {
                    optional: false,
                    name: permission.name().to_owned(),
                    reason: "It means harm with it.".to_owned(),
                    origins: origins.into_iter().collect(),
                    globs: globs.into_iter().collect(),
                    hosts: hosts.into_iter().collect(),
                    secrets: Vec::new(),
                    units: Vec::new(),
                    commands: Vec::new(),
                }
            })
            .collect();
        manifest.config_schema = json!({ "type": "object" });
        manifest.interval_s = (side == Side::Device).then_some(3_600);
        if side == Side::Server {
            manifest.kind = Kind::TicketingConnector.as_str().to_owned();
            manifest.requires.agent = None;
        }
        manifest.budget = asked(guest);
    });
    packing.signed_by(&platform.publisher_key)
}

fn name(number: usize, side: Side) -> String {
    match side {
        Side::Device => format!("hostile-{number}"),
        Side::Server => format!("hostile-connector-{number}"),
    }
}

fn asked(guest: &Guest) -> BudgetAsked {
    let ceiling = serde_json::to_value(Budget::ceiling()).unwrap();
    let bounds = guest.bounds().into_iter();
    let asked = bounds.map(|(field, value)| (field.to_owned(), json!(value.min(ceiling[field].as_u64().unwrap()))));
    serde_json::from_value(Value::Object(asked.collect())).unwrap()
}

/// Returns whether the server knows of the end as it is written.
fn as_written(guest: &Guest, run: &Value) -> bool {
    let (outcome, message) = (run["outcome"].as_str().unwrap(), run["message"].as_str().unwrap());
    match &guest.ends {
        Ends::Returns | Ends::Told(_) => outcome == "findings",
        Ends::Fault(words) => outcome == "fault" && message.contains(words),
        Ends::Exhausted(bound) => outcome == "exhausted" && message.contains(bound),
        Ends::Trapped(words) => outcome == "trapped" && message.contains(words),
        Ends::Refused(_) => outcome == "refused",
        Ends::Stopped => outcome == "trapped" || outcome == "exhausted",
    }
}

/// Uploads a guest, has it signed for the test tenant, and installs it. Returns the installation.
async fn installed(platform: &Platform, publisher: &Session, lab: &Session, number: usize, guest: &Guest) -> String {
    let accessory = name(number, Side::Device);
    publisher.upload(&packed(platform, number, guest, Side::Device)).await.ok();
    publisher.post(&format!("/api/v1/releases/fitment/{accessory}/0.1.0/test"), json!({})).await.ok();
    let consent: Vec<&str> = guest.asked().0.keys().map(|permission: &Permission| permission.name()).collect();
    let body = json!({ "accessory": format!("fitment/{accessory}"), "target": "all", "consent": consent });
    let answer = lab.post("/api/v1/installations", body).await.ok();
    answer["installation"]["id"].as_str().unwrap().to_owned()
}

/// Returns the pid of the agent's runner.
fn runner_of(agent: &Agent) -> Option<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", agent.pid())).ok()?;
    // Whichever thread started it is its parent.
    let children =
        tasks.flatten().map(|task| std::fs::read_to_string(task.path().join("children")).unwrap_or_default());
    let children: Vec<String> = children.collect();
    let mut pids = children.iter().flat_map(|pids| pids.split_whitespace()).filter_map(|pid| pid.parse().ok());
    let is_runner = |pid: &u32| {
        std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == "fitment-runner")
    };
    pids.find(is_runner)
}

// proves C3 (a hostile corpus on a device and on the server), C3 (a neighbour is not held up), C2 (a monitor on a device)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_with_the_whole_corpus_tells_how_each_guest_ended_and_its_neighbour_goes_on() {
    let platform = Platform::start(Database::sqlite()).await;
    let publisher = platform.publisher().await;
    publisher.post("/api/v1/test-tenant", json!({ "email": "lab@example.com", "password": PASSWORD })).await.ok();
    let lab = platform.sign_in("lab@example.com").await;
    platform.publish("uptime").await;
    let body = json!({ "accessory": "fitment/uptime", "target": "all", "consent": ["metrics"], "interval_s": 1 });
    let neighbour =
        lab.post("/api/v1/installations", body).await.ok()["installation"]["id"].as_str().unwrap().to_owned();
    // Those that ask nothing of what they use are refused at the gate: see `refused` and `permissions`.
    let all: Vec<Guest> = guests().into_iter().filter(|guest| guest.sides().contains(&Side::Device)).collect();
    let all: Vec<Guest> = all.into_iter().filter(|guest| guest.key("ungranted").is_none()).collect();
    let installs = all.iter().enumerate();
    let installs = installs.map(|(number, guest)| installed(&platform, &publisher, &lab, number, guest));
    let ids: Vec<String> = futures_util::stream::iter(installs).buffered(AT_A_TIME).collect().await;

    let begun = Instant::now();
    let (mut agent, _) = Agent::enrol(&platform, &lab, "agent").await;
    let (pid, mut runner, mut silence) = (agent.pid(), None, Duration::ZERO);
    let ends: BTreeMap<String, Value> = loop {
        let told = lab.get("/api/v1/findings").await.ok();
        let runs = told["runs"].as_array().unwrap().iter();
        let ends: BTreeMap<String, Value> =
            runs.map(|run| (run["installation"].as_str().unwrap().to_owned(), run.clone())).collect();
        if let Some(last) = ends.get(&neighbour) {
            let age = crate::support::wire::now().0 - last["at_ms"].as_i64().unwrap();
            silence = silence.max(Duration::from_millis(u64::try_from(age).unwrap_or(0)));
        }
        runner = runner.or_else(|| runner_of(&agent));
        if ids.iter().all(|id| ends.contains_key(id)) {
            break ends;
        }
        assert!(begun.elapsed() < PATIENCE, "{} of {} have ended", ends.len(), ids.len() + 1);
        tokio::time::sleep(Duration::from_millis(300)).await;
    };
    let wrong: Vec<String> = all
        .iter()
        .zip(&ids)
        .filter(|(guest, id)| !as_written(guest, &ends[*id]))
        .map(|(guest, id)| format!("{}/{} is {:?}: {}", guest.family, guest.name, guest.ends, ends[id]))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));

    assert!(agent.is_running() && agent.pid() == pid, "the supervisor lives");
    assert!(runner.is_some() && runner_of(&agent) == runner, "the runner lives: {runner:?}");
    for log in [agent.log_text(), std::fs::read_to_string(platform.log()).unwrap()] {
        assert!(!log.contains("panicked") && !log.contains("the runner was started again"), "{log}");
    }
    assert_eq!(ends[&neighbour]["outcome"], "findings");
    assert!(silence < SILENCE_MAX, "the neighbour was silent for {silence:?}");
    println!(
        "{} hostile accessories ended on one device within {:?}; the neighbour's newest look was never older than {silence:?}",
        all.len(),
        begun.elapsed()
    );
}

// proves C3 (refused before anything is compiled)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_gate_refuses_is_answered_with_its_rule_when_a_publisher_uploads_it() {
    let platform = Platform::start(Database::sqlite()).await;
    let publisher = platform.publisher().await;
    let (base, listing) = accessory("disk-space");
    let mut wrong = Vec::new();
    let mut count = 0;
    for upload in uploads() {
        // What is no component has no place for a manifest, and what is larger than a request is not even read.
        if !upload.bytes.starts_with(b"\0asm\x0d") || upload.bytes.len() > 30 << 20 {
            continue;
        }
        count += 1;
        let packing = Packing::around(upload.bytes, listing.clone(), manifest_of(&base));
        let parts = packing.signed_by(&platform.publisher_key);
        let started = Instant::now();
        let answer = publisher.upload(&parts).await;
        let took = started.elapsed();
        if answer.status != 422
            || !answer.body["report"].to_string().contains(&format!("\"{}\"", upload.rule))
            || took > QUICK
        {
            wrong.push(format!("{} after {took:?}: {} {}", upload.name, answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 40, "{count}");
    assert!(!std::fs::read_to_string(platform.log()).unwrap().contains("panicked"));
}

// proves C3 (a hostile corpus on a device and on the server), C2 (a ticketing connector on the server)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_connectors_are_hostile_says_how_each_ended_and_goes_on() {
    let platform = Platform::start(Database::sqlite()).await;
    let publisher = platform.publisher().await;
    publisher.post("/api/v1/test-tenant", json!({ "email": "lab@example.com", "password": PASSWORD })).await.ok();
    let lab = platform.sign_in("lab@example.com").await;
    let pid = platform.pid();
    // Of each family those that end in a way that is not their own answer, and of these a few.
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let all: Vec<Guest> = guests().into_iter().filter(|guest| guest.sides().contains(&Side::Server)).collect();
    let ended = |guest: &Guest| matches!(guest.ends, Ends::Exhausted(_) | Ends::Trapped(_));
    let some = all.into_iter().filter(|guest| ended(guest) && guest.key("ungranted").is_none());
    let some: Vec<Guest> = some
        .filter(|guest| {
            let of_family = taken.entry(guest.family).or_default();
            *of_family += 1;
            *of_family <= 4
        })
        .collect();
    let tries = some.iter().enumerate().map(async |(number, guest)| {
        let connector = name(number, Side::Server);
        publisher.upload(&packed(&platform, number, guest, Side::Server)).await.ok();
        publisher.post(&format!("/api/v1/releases/fitment/{connector}/0.1.0/test"), json!({})).await.ok();
        let consent: Vec<&str> = guest.asked().0.keys().map(|permission: &Permission| permission.name()).collect();
        let body = json!({
            "name": connector, "accessory": format!("fitment/{connector}"), "url": "https://granted.example/",
            "consent": consent, "secrets": {},
        });
        let answer = lab.post("/api/v1/connections", body).await;
        let words = match &guest.ends {
            Ends::Exhausted(bound) if bound.is_empty() => "was used up".to_owned(),
            Ends::Exhausted(bound) => format!("{bound} was used up"),
            Ends::Trapped(words) => words.clone(),
            other => panic!("{other:?}"),
        };
        let said = answer.body["detail"].as_str().unwrap_or_default();
        let right = answer.status == 422 && answer.body["code"] == "connection-refused" && said.contains(&words);
        (!right).then(|| format!("{}/{}: {} {}", guest.family, guest.name, answer.status, answer.body))
    });
    let wrong: Vec<Option<String>> = futures_util::stream::iter(tries).buffered(AT_A_TIME).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), some.len(), wrong.join("\n"));
    assert!(some.len() >= 25, "{}", some.len());
    assert_eq!(lab.get("/api/v1/connections").await.ok()["connections"], json!([]), "nothing was kept");
    let log = std::fs::read_to_string(platform.log()).unwrap();
    assert!(
        platform.pid() == pid && !log.contains("panicked") && !log.contains("the runner was started again"),
        "{log}"
    );
    println!("{} hostile connectors were refused by the server with how they ended", some.len());
}
