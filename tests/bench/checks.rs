//! Scheduled checks of an agent that has one processor: its own schedule, guard, sandbox and spool, with results synced to disk.
//!
//! A second process of this program takes the figure: bound to one processor, it and the runner that it starts share that one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_agent::artifacts::Artifacts;
use fitment_agent::broker::Broker;
use fitment_agent::client::Client;
use fitment_agent::crash::Guard;
use fitment_agent::door::Admitted;
use fitment_agent::memory::Memory;
use fitment_agent::outbox::Outbox;
use fitment_agent::runs::{Outside, Runs};
use fitment_agent::sandbox::LazySandbox;
use fitment_agent::schedule::{FirstRun, Schedule};
use fitment_agent::signed_set::SignedSet;
use fitment_agent::spool::SpoolCounts;
use fitment_agent::spool::{Spool, SpoolLimits};
use fitment_agent::status::{Board, Status};
use fitment_agent::tls::Credentials;
use fitment_domain::capability::Grants;
use fitment_domain::device::Facts;
use fitment_domain::egress::Policy;
use fitment_domain::id::{DeviceId, InstallationId};
use fitment_domain::instruction::Item;
use fitment_domain::package::{self, PackageLimits};
use fitment_domain::protocol::Outcome;
use fitment_runner_client::{ComponentRef, Egress, HttpHost, Secrets, Trust};
use serde_json::{Value, json};

use crate::Failure;
use crate::figures::{Sorted, number};

/// More items than one processor can look after, each due every second: what is done is what there was time for.
const ITEMS: u32 = 40_000;
const WARM_UP: Duration = Duration::from_millis(1_500);
const WINDOW: Duration = Duration::from_secs(2);
const WINDOWS: usize = 5;
/// A point of the curve, in the place of keys that sign nothing.
const BASE_POINT: &str = "5866666666666666666666666666666666666666666666666666666666666666";
/// The threads of the agent.
const WORKERS: usize = 2;

/// Has the figure taken by a process on one processor.
pub(crate) fn measure(component: &Path, programs: &Path) -> Result<Value, Failure> {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(std::env::current_exe()?).arg("checks");
    command.arg("--component").arg(component).arg("--programs").arg(programs).stderr(Stdio::inherit());
    let output = command.output().map_err(|e| format!("taskset cannot be started: {e}; install util-linux"))?;
    if !output.status.success() {
        return Err(format!("the agent on one processor ended with {}", output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let (table, figures) = text.trim_end().rsplit_once('\n').ok_or("the agent on one processor printed no figures")?;
    println!("{table}");
    Ok(serde_json::from_str(figures)?)
}

/// Takes the figure in this process.
pub(crate) fn here(component: &Path, programs: PathBuf) -> Result<Value, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    // It is started in another folder.
    runtime.block_on(agent(std::fs::read(component)?, std::path::absolute(programs)?))
}

async fn agent(component: Vec<u8>, programs: PathBuf) -> Result<Value, Failure> {
    // On a real disk, as an agent's state folder: results count when it has them.
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let at = |name: &str| folder.path().join(name);
    let board = Board::new(Status::default());
    let limits = SpoolLimits { records_max: 1_000_000, bytes_max: 1024 * 1024 * 1024, ..SpoolLimits::standard() };
    let spool = Spool::open(&at("spool"), limits)?;
    let outbox = Arc::new(Outbox::new(spool, board.clone()));
    let http = Arc::new(HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device))?);
    let broker = Arc::new(Broker::new(&programs, folder.path())?);
    let sandbox = Arc::new(LazySandbox::new(programs, at("compiled"), [7; 32]));
    let artifacts = nothing_offered(&sandbox, &board)?;
    // Nobody stops it before its time.
    let (_stopper, stop) = fitment_agent::stop::channel();
    let runs = Runs::new(
        sandbox,
        fitment_device::facts::read(env!("CARGO_PKG_VERSION")),
        Arc::clone(&outbox),
        board.clone(),
        Memory::at(at("memory")),
        Outside { http, broker, set: Arc::new(SignedSet::default()), artifacts },
        Arc::new(Guard::open(at("failures"), stop)),
    );
    let package = package::read(&component, &PackageLimits::standard())?;
    let load = Load { component: ComponentRef { digest: package.digest.clone(), bytes: component.into() }, package };
    let runs = Arc::new(runs);
    // Compiled before anything is due.
    runs.once(&load.item(0)?).await;
    let mut schedule = Schedule::new(DeviceId::from_random([0; 16]), Arc::clone(&runs));
    for number in 1..=ITEMS {
        schedule.start(load.item(number)?, FirstRun::InItsPlace);
    }
    tokio::time::sleep(WARM_UP).await;
    let mut rates = Vec::new();
    let (first, began) = (counts(&board).records, Instant::now());
    let mut before = counts(&board);
    for _ in 0..WINDOWS {
        let started = Instant::now();
        tokio::time::sleep(WINDOW).await;
        let now = counts(&board);
        if now.not_on_disk > 0 || now.dropped > 0 {
            return Err(format!("the spool did not keep all: {now:?}").into());
        }
        rates.push((now.records - before.records) as f64 / started.elapsed().as_secs_f64());
        before = now;
    }
    // Results reach the disk in large groups: a window has few of them.
    let all = (before.records - first) as f64 / began.elapsed().as_secs_f64();
    let rates = Sorted::new(rates);
    println!(
        "an agent on one processor, {ITEMS} checks due every second: N = {} in the spool, on disk",
        before.records
    );
    println!(
        "  checks a second                         {all:>8.0}      between {:.0} and {:.0} in {WINDOWS} windows of {} s",
        rates.at(0.0),
        rates.max(),
        WINDOW.as_secs()
    );
    schedule.stop().await;
    let batch = outbox.batch(10_000, u64::MAX).await.ok_or("the spool is empty")?;
    if let Some(other) = batch.results.iter().find(|result| !matches!(result.outcome, Outcome::Findings(_))) {
        return Err(format!("a check ended with {:?}", other.outcome).into());
    }
    Ok(json!({ "checks_n": before.records, "checks_per_s_core": number(all) }))
}

fn counts(board: &Board) -> SpoolCounts {
    let mut counts = SpoolCounts::default();
    board.update(|status| counts = status.spool.clone());
    counts
}

/// An agent that is offered no compiled code: its server is never asked.
fn nothing_offered(sandbox: &Arc<LazySandbox>, board: &Board) -> Result<Arc<Artifacts>, Failure> {
    let own = rcgen::generate_simple_self_signed(vec!["agent".to_owned()])?;
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let credentials = Credentials { server_ca_pem: &certificate, certificate_pem: &certificate, private_key_pem: &key };
    let client = Arc::new(Client::new("https://127.0.0.1:1", credentials)?);
    let platform_key = serde_json::from_value(json!(BASE_POINT))?;
    let facts = Facts(fitment_device::facts::read(env!("CARGO_PKG_VERSION")).into_iter().collect());
    let sandbox = Arc::clone(sandbox);
    Ok(Arc::new(Artifacts::new(sandbox, client, board.clone(), &facts, platform_key, [7; 32])))
}

struct Load {
    component: ComponentRef,
    package: package::Package,
}

impl Load {
    fn item(&self, number: u32) -> Result<Admitted, Failure> {
        let mut random = [0; 16];
        random[..4].copy_from_slice(&number.to_le_bytes());
        let manifest = &self.package.manifest;
        // The door is not measured: what it would check stands for itself.
        let item: Item = serde_json::from_value(json!({
            "installation": InstallationId::from_random(random),
            "accessory": "fitment/load",
            "version": manifest.version,
            "digest": self.component.digest,
            "statement": { "payloadType": "", "payload": "", "signatures": [] },
            "publisher_key": BASE_POINT,
            "config": {},
            "interval_s": 1,
            "grants": manifest.asked()?,
            "budget": manifest.budget()?,
        }))?;
        Ok(Admitted {
            item,
            component: self.component.clone(),
            kind: manifest.kind()?,
            asked: manifest.asked()?,
            named: Grants::default(),
            optional: manifest.optional(),
        })
    }
}
