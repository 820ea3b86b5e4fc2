//! The path itself, step by step; each line says what happened.

use anyhow::{Context, Result};

use super::disk::Disk;
use super::guard::Guard;
use super::host::Host;
use super::market::{Device, Installed, Market, Release};
use super::service;
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
    12 + (4 + service::STEPS) * usize::from(real) + usize::from(once)
}

/// A path that was played to its ticket.
pub(crate) struct Played<'a> {
    pub(crate) market: Market<'a>,
    pub(crate) tracker: Option<Tracker>,
    pub(crate) disk: Disk,
    monitor: Release,
    devices: Vec<Device>,
    fits: String,
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
    let hosts = match real {
        true => step(steps, "devices", |_| {
            let hosts = [Host::start(workspace, state, "files")?, Host::start(workspace, state, "web")?];
            let said = hosts.each_ref().map(|host| format!("{} at {}", host.name, host.address));
            Ok((Vec::from(hosts), format!("containers with a systemd of their own: {}", said.join(", "))))
        })?,
        false => Vec::new(),
    };
    let disk = step(steps, "disk", |_| {
        let disk = disk(state, hosts.first(), may_mount)?;
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
    // The devices reach this machine at its address in their network, and so does this machine itself.
    let agents = hosts.first().map_or("127.0.0.1", |host| &host.gateway);
    let (market, monitor) = publish(steps, workspace, state, guard, tracker.as_ref(), agents)?;
    let devices = step(steps, "enrol", |reporter| {
        let devices = market.enrol(guard, reporter, &hosts)?;
        let named = devices.iter().map(|device| format!("{} ({})", device.name, device.id)).collect::<Vec<_>>();
        Ok((devices, format!("this machine is {}", named.join("; beside it "))))
    })?;
    let fits = step(steps, "fit", |_| {
        let fits = market.fit(&monitor, &devices)?;
        Ok((fits.clone(), format!("{}: {fits}", monitor.reference())))
    })?;
    // The first host has the disk; without hosts this machine has it.
    let device = devices.get(usize::from(real)).context("the device with the disk is not there")?;
    let installed = step(steps, "install", |reporter| {
        let settings = disk.settings();
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let how = ["--interval", "1s", "--consent", "metrics"].into_iter().chain(settings).collect::<Vec<_>>();
        let installed = market.install(&monitor, device, &how)?;
        let seen = watch(&market, &installed, &disk).finding(guard, reporter, "ok")?;
        let seen = state.shortened(&seen);
        let said = format!("on {}, runs in the sandbox every second; first finding: ok, {seen}", device.name);
        Ok((installed, said))
    })?;
    step(steps, "fill the disk", |reporter| Ok(((), state.shortened(&disk.fill(reporter)?))))?;
    let seen = follow(steps, guard, &watch(&market, &installed, &disk), tracker.as_ref())?;
    if let Some((host, device)) = hosts.get(1).zip(devices.get(2)) {
        service::play(steps, guard, &market, host, device)?;
    }
    Ok(Played { market, tracker, disk, monitor, devices, fits, installed, seen, state: "open" })
}

/// The monitor names the condition when space is short, and the disk by its mount.
fn watch<'a>(market: &'a Market<'a>, installed: &'a Installed, disk: &'a Disk) -> Watch<'a> {
    Watch { market, installed, condition: "space", subject: &disk.mount }
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
fn disk(state: &State, host: Option<&Host>, may_mount: bool) -> Result<Disk> {
    match host {
        Some(host) => Disk::mount_on(host, state),
        None if may_mount => Disk::mount(state).or_else(|_| Disk::take(state)),
        None => Disk::take(state),
    }
}

/// The part of the path that needs no device.
fn publish<'a>(
    steps: &mut Steps,
    workspace: &'a Workspace,
    state: &'a State,
    guard: &mut Guard,
    tracker: Option<&Tracker>,
    agents: &str,
) -> Result<(Market<'a>, Release)> {
    let market = step(steps, "server", |reporter| {
        let market = Market::start(workspace, state, guard, reporter, agents)?;
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
        let watch = watch(&self.market, &self.installed, &self.disk);
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
            ("fits", self.fits.clone()),
            ("devices", self.devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>().join(", ")),
            ("finding", format!("critical: {}", self.seen.finding)),
            ("alert", self.seen.alert.id.clone()),
            ("ticket", number),
            ("URL", self.seen.ticket.external_url.clone().unwrap_or(ours)),
        ]
    }
}

/// Runs one step that has a result beside its line.
pub(crate) fn step<T>(
    steps: &mut Steps,
    name: &str,
    work: impl FnOnce(&mut Reporter) -> Result<(T, String)>,
) -> Result<T> {
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
