//! Scheduled checks of an agent that has one processor: its own schedule, guard, sandbox and spool, with results synced to disk.
//!
//! A second process of this program takes the figure: bound to one processor, it and the runner that it starts share that one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_agent::broker::Broker;
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
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: usize = 5;
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
    let runs = Runs::new(
        Arc::new(LazySandbox::new(programs, at("compiled"), [7; 32])),
        fitment_device::facts::read(env!("CARGO_PKG_VERSION")),
        Arc::clone(&outbox),
        board.clone(),
        Memory::at(at("memory")),
        Outside { http, broker, set: Arc::new(SignedSet::default()) },
        Arc::new(Guard::open(at("failures"))),
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
    let rates = Sorted::new(rates);
    println!(
        "an agent on one processor, {ITEMS} checks due every second: N = {} in the spool, on disk",
        before.records
    );
    println!(
        "  checks a second                  median {:>8.0}      between {:.0} and {:.0} in {WINDOWS} windows",
        rates.median(),
        rates.at(0.0),
        rates.max()
    );
    schedule.stop().await;
    let batch = outbox.batch(10_000, u64::MAX).await.ok_or("the spool is empty")?;
    if let Some(other) = batch.results.iter().find(|result| !matches!(result.outcome, Outcome::Findings(_))) {
        return Err(format!("a check ended with {:?}", other.outcome).into());
    }
    Ok(json!({ "checks_n": before.records, "checks_per_s_core": number(rates.median()) }))
}

fn counts(board: &Board) -> SpoolCounts {
    let mut counts = SpoolCounts::default();
    board.update(|status| counts = status.spool.clone());
    counts
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
        // The door is not measured: what it would check stands for itself. The key is the curve's base point.
        let item: Item = serde_json::from_value(json!({
            "installation": InstallationId::from_random(random),
            "accessory": "fitment/load",
            "version": manifest.version,
            "digest": self.component.digest,
            "statement": { "payloadType": "", "payload": "", "signatures": [] },
            "publisher_key": format!("58{}", "66".repeat(31)),
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
            optional: manifest.optional(),
        })
    }
}
