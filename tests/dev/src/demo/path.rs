//! The path itself, step by step; each line says what happened.

use anyhow::{Context, Result};

use super::disk::Disk;
use super::guard::Guard;
use super::market::{Device, Installed, Market, Release};
use super::state::State;
use super::tracker::Tracker;
use super::watch::{Alert, Ticket, Watch};
use crate::progress::{Reporter, Steps};
use crate::workspace::Workspace;

/// What Request Tracker calls a ticket that nobody has begun.
const NEW: [&str; 2] = ["new", "open"];
const RESOLVED: [&str; 1] = ["resolved"];

/// Returns how many steps a demo takes.
pub(crate) fn steps(real: bool, once: bool) -> usize {
    12 + 3 * usize::from(real) + usize::from(once)
}

/// A path that was played to its ticket.
pub(crate) struct Played<'a> {
    pub(crate) market: Market<'a>,
    pub(crate) tracker: Option<Tracker>,
    pub(crate) disk: Disk,
    monitor: Release,
    device: Device,
    installed: Installed,
    seen: Seen,
    state: &'static str,
}

/// What came of a full disk.
struct Seen {
    finding: String,
    alert: Alert,
    ticket: Ticket,
    /// The ticket's number in Request Tracker, as that says itself.
    number_there: Option<u64>,
}

/// Plays the path up to the ticket.
pub(crate) fn play<'a>(
    steps: &mut Steps,
    workspace: &'a Workspace,
    state: &'a State,
    guard: &mut Guard,
    real: bool,
    may_mount: bool,
) -> Result<Played<'a>> {
    let disk = step(steps, "disk", |_| {
        let disk = disk(state, real, may_mount)?;
        let what = state.shortened(&disk.what());
        Ok((disk, what))
    })?;
    let tracker = match real {
        true => Some(step(steps, "start Request Tracker", |reporter| {
            let tracker = Tracker::start(guard, workspace, state, reporter)?;
            let said = format!("{} at {}", tracker.version, tracker.url);
            Ok((tracker, said))
        })?),
        false => None,
    };
    let (market, monitor) = publish(steps, workspace, state, guard, tracker.as_ref())?;
    let device = step(steps, "enrol", |reporter| {
        let device = market.enrol(guard, reporter)?;
        let said = format!("this machine is {} ({})", device.name, device.id);
        Ok((device, said))
    })?;
    step(steps, "fit", |_| market.fit(&monitor, &device).map(|fits| ((), format!("{}: {fits}", monitor.reference()))))?;
    let installed = step(steps, "install", |reporter| {
        let installed = market.install(&monitor, &disk)?;
        let watch = Watch { market: &market, installed: &installed, disk: &disk };
        let seen = watch.finding(guard, reporter, "ok")?;
        let said = format!(
            "{}, runs in the sandbox every second; first finding: ok, {}",
            installed.fits,
            state.shortened(&seen)
        );
        Ok((installed, said))
    })?;
    step(steps, "fill the disk", |reporter| Ok(((), state.shortened(&disk.fill(reporter)?))))?;
    let watch = Watch { market: &market, installed: &installed, disk: &disk };
    let seen = follow(steps, guard, &watch, tracker.as_ref())?;
    Ok(Played { market, tracker, disk, monitor, device, installed, seen, state: "open" })
}

/// The part of the path that begins with a full disk.
fn follow(steps: &mut Steps, guard: &mut Guard, watch: &Watch<'_>, tracker: Option<&Tracker>) -> Result<Seen> {
    let finding = step(steps, "finding", |reporter| {
        let finding = watch.finding(guard, reporter, "critical")?;
        let said = format!("critical, {}", watch.market.state.shortened(&finding));
        Ok((finding, said))
    })?;
    let alert = step(steps, "alert", |reporter| {
        let alert = watch.alert(guard, reporter, "open")?;
        let said = format!("{} is open after {} bad looks", alert.id, alert.occurrences);
        Ok((alert, said))
    })?;
    let ticket = step(steps, "ticket", |reporter| {
        let ticket = watch.ticket(guard, reporter, &alert, "open", tracker.is_some())?;
        let summary = watch.market.state.shortened(&ticket.summary);
        let said = format!("number {}, category {}, board {}: {summary}", ticket.number, ticket.category, ticket.board);
        Ok((ticket, said))
    })?;
    let mut number_there = None;
    if let Some(tracker) = tracker {
        number_there = Some(step(steps, "ticket in Request Tracker", |reporter| {
            let found = watch.there(reporter, tracker, &ticket, &NEW)?;
            let said = format!(
                "its own REST shows number {}, {}, with this run's nonce {}",
                found.number, found.status, watch.market.state.nonce
            );
            Ok((found.number, said))
        })?);
    }
    Ok(Seen { finding, alert, ticket, number_there })
}

/// A ticket elsewhere is this run's own only if it carries the nonce, which is in the name of a disk that we mount.
fn disk(state: &State, real: bool, may_mount: bool) -> Result<Disk> {
    if !may_mount {
        return Disk::take(state);
    }
    match Disk::mount(state) {
        Err(error) if real => {
            Err(error.context("--real needs root, to mount a small disk that is named after this run"))
        }
        Err(_) => Disk::take(state),
        mounted => mounted,
    }
}

/// The part of the path that needs no device.
fn publish<'a>(
    steps: &mut Steps,
    workspace: &'a Workspace,
    state: &'a State,
    guard: &mut Guard,
    tracker: Option<&Tracker>,
) -> Result<(Market<'a>, Release)> {
    let market = step(steps, "server", |reporter| {
        let market = Market::start(workspace, state, guard, reporter)?;
        let said =
            format!("{}, on SQLite and a folder; publisher, operator and service provider signed in", market.url);
        Ok((market, said))
    })?;
    let [monitor, connector] = step(steps, "publish", |_| {
        let releases = market.publish()?;
        let said =
            releases.each_ref().map(|release| format!("{} (sha256 {}…)", release.reference(), short(&release.digest)));
        Ok((releases, format!("signed and uploaded {}", said.join(", "))))
    })?;
    step(steps, "validate", |_| Ok(((), [market.validated(&monitor)?, market.validated(&connector)?].join("; "))))?;
    step(steps, "countersign", |_| {
        market.countersign(&monitor)?;
        market.countersign(&connector)?;
        Ok(((), "both approved by the operator, signed twice and published".to_owned()))
    })?;
    if let Some(tracker) = tracker {
        step(steps, "connect", |_| Ok(((), market.connect(tracker, &connector)?)))?;
    }
    Ok((market, monitor))
}

impl Played<'_> {
    /// Makes room again and waits until everything that was opened is closed.
    pub(crate) fn clear(&mut self, steps: &mut Steps, guard: &mut Guard) -> Result<()> {
        let watch = Watch { market: &self.market, installed: &self.installed, disk: &self.disk };
        step(steps, "free the disk", |reporter| {
            self.disk.free()?;
            watch.finding(guard, reporter, "ok")?;
            watch.alert(guard, reporter, "closed")?;
            watch.ticket(guard, reporter, &self.seen.alert, "closed", self.tracker.is_some())?;
            let mut said = "finding ok, alert closed, ticket closed".to_owned();
            if let Some(tracker) = &self.tracker {
                let found = watch.there(reporter, tracker, &self.seen.ticket, &RESOLVED)?;
                said += &format!("; number {} in Request Tracker is {}", found.number, found.status);
            }
            Ok(((), said))
        })?;
        self.state = "closed after the disk was freed";
        Ok(())
    }

    /// Returns the table of what happened.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let ours = format!("{}/api/v1/tickets/{}", self.market.url, self.seen.ticket.id);
        let number = match self.seen.number_there {
            Some(there) => format!("{}, in Request Tracker {there}; {}", self.seen.ticket.number, self.state),
            None => format!("{}; {}", self.seen.ticket.number, self.state),
        };
        vec![
            ("accessory", self.monitor.accessory.clone()),
            ("version", self.monitor.version.clone()),
            ("digest", format!("sha256 {}", self.monitor.digest)),
            ("fits", self.installed.fits.clone()),
            ("device", format!("{} ({})", self.device.name, self.device.id)),
            ("finding", format!("critical: {}", self.seen.finding)),
            ("alert", self.seen.alert.id.clone()),
            ("ticket", number),
            ("URL", self.seen.ticket.external_url.clone().unwrap_or(ours)),
        ]
    }
}

/// Runs one step that has a result beside its line.
fn step<T>(steps: &mut Steps, name: &str, work: impl FnOnce(&mut Reporter) -> Result<(T, String)>) -> Result<T> {
    let mut result = None;
    steps.run(name, |reporter| {
        let (value, said) = work(reporter)?;
        result = Some(value);
        Ok(said)
    })?;
    result.with_context(|| format!("{name} has no result"))
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
