//! Every guest that passes the gate, in the runner: on a device and, where it can, as on the server.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::bytes::Digest;
use fitment_domain::egress::Policy;
use fitment_domain::finding::{FindingLimits, check};
use fitment_domain::run::{End, Invocation, Returned, RunReport, STATE_BYTES_MAX};
use fitment_domain::ticket::remote::Call;
use fitment_runner_client::{Egress, HttpHost, RunSpec, Secrets, Trust};
use futures_util::StreamExt as _;

use super::super::lab::{self, Lab};
use super::text::{Ends, FAMILIES, Guest, Side, guests};

/// What a busy machine may add to a bound of time.
const TOLERANCE: Duration = Duration::from_secs(15);
/// How many run beside each other: each is its own budget's problem, and nobody else's.
const AT_A_TIME: usize = 6;
const MIB: u64 = 1024 * 1024;

fn spec(guest: &Guest, side: Side) -> RunSpec {
    let invocation = match side {
        Side::Device => Invocation::Check,
        Side::Server => Invocation::Connector(Call::Describe),
    };
    RunSpec { invocation, grants: guest.granted(), budget: guest.budget(), ..lab::check() }
}

async fn run(lab: &Lab, guest: &Guest, side: Side) -> RunReport {
    // Whatever reaches it, reaches the real one: what it dials would be seen in the time that it takes, and in its answer.
    let host = Arc::new(HttpHost::new(Secrets::new(), &Trust::default(), Egress::new(Policy::Device)).unwrap());
    lab.run_with(&guest.component(side), spec(guest, side), host).await
}

/// Returns whether a run ended as it is written.
fn as_written(guest: &Guest, side: Side, end: &End) -> bool {
    match (&guest.ends, end) {
        (Ends::Returns, End::Returned(_)) => true,
        (Ends::Told(_), End::Returned(Returned::Connector(_))) => side == Side::Server,
        (Ends::Told(number), End::Returned(Returned::Findings(found))) => found[0].samples[0].value == *number,
        (Ends::Fault(words), End::Fault(fault)) => fault.to_string().contains(words),
        (Ends::Exhausted(bound), End::Exhausted(reached)) => bound.is_empty() || bound == reached,
        (Ends::Trapped(words), End::Trapped(text)) => text.contains(words),
        (Ends::Refused(permission), End::Refused(text)) => text.contains(&format!("needs permission {permission},")),
        (Ends::Stopped, End::Trapped(_) | End::Exhausted(_)) => true,
        _ => false,
    }
}

/// Returns what holds for every run and does not hold for this one.
fn broken(guest: &Guest, report: &RunReport) -> Option<String> {
    let (usage, budget) = (&report.usage, guest.budget());
    let lines = || report.log.iter().flat_map(|line| line.message.chars());
    let state: Option<usize> =
        report.state.as_ref().map(|s| s.iter().map(|(key, value)| key.len() + value.len()).sum());
    let rules = [
        ("more memory than its budget", usage.memory_bytes_peak > budget.memory_bytes_max),
        ("more fuel than its budget", usage.fuel > budget.fuel_max),
        ("more calls than its budget and the one that ended it", usage.host_calls > budget.host_calls_max + 1),
        ("more log than its budget", usage.log_bytes > budget.log_bytes_max),
        (
            "more time than its budget",
            usage.wall_us / 1_000 > budget.wall_ms_max.saturating_add(TOLERANCE.as_millis() as u64),
        ),
        (
            "a character that moves a cursor or turns text round",
            lines().any(|c| c.is_control() && c != '\t' || turns(c)),
        ),
        ("a line beyond its bound", report.log.iter().any(|line| line.message.len() > 4096 * 3)),
        ("another number of lines", guest.key("logs").is_some_and(|n| n.parse::<usize>().unwrap() != report.log.len())),
        ("more state than there is room for", state.is_some_and(|bytes| bytes > STATE_BYTES_MAX)),
        ("state after a break-down", state.is_some() && !matches!(report.end, End::Returned(_) | End::Fault(_))),
        (
            "findings that break a rule",
            match &report.end {
                End::Returned(Returned::Findings(found)) => check(found, &FindingLimits::standard()).is_err(),
                _ => false,
            },
        ),
        ("a panic of ours", format!("{:?}", report.end).contains("the host panicked")),
    ];
    rules.into_iter().find(|(_, broken)| *broken).map(|(rule, _)| format!("{rule}: {report:?}"))
}

/// Unicode's own controls of direction, and its ends of lines.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

async fn tried(lab: &Lab, guest: &Guest, side: Side) -> Vec<String> {
    let place = format!("{}/{} on the {side:?}", guest.family, guest.name);
    let first = run(lab, guest, side).await;
    let mut wrong = Vec::new();
    if !as_written(guest, side, &first.end) {
        wrong.push(format!("{place} ended {:?} and not {:?}; {:?}", first.end, guest.ends, first.usage));
    }
    wrong.extend(broken(guest, &first).map(|rule| format!("{place} has {rule}")));
    if wrong.is_empty() && guest.is_determined() {
        let again = run(lab, guest, side).await;
        if (&again.end, again.usage.fuel) != (&first.end, first.usage.fuel) {
            wrong.push(format!("{place} ended another way the second time: {first:?}, {again:?}"));
        }
    }
    wrong
}

// proves C3 (bounds of memory), C3 (bounds of processor and time), C3 (bounds of output), C3 (bounds of host calls)
// proves C2 (one runtime ends the same guests alike on the server and on a device)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_guest_of_the_corpus_ends_as_it_is_written_and_the_runner_lives() {
    let (lab, all) = (Lab::new().await, guests());
    let before = lab.runner();
    let runs = all.iter().flat_map(|guest| guest.sides().into_iter().map(move |side| (guest, side)));
    let runs: Vec<_> = runs.collect();
    let (device, server) =
        (runs.iter().filter(|r| r.1 == Side::Device).count(), runs.iter().filter(|r| r.1 == Side::Server).count());
    let tries = futures_util::stream::iter(runs).map(|(guest, side)| tried(&lab, guest, side));
    let wrong: Vec<String> = tries.buffer_unordered(AT_A_TIME).flat_map(futures_util::stream::iter).collect().await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert_eq!(lab.runner(), before, "the same process");
    let mut table = String::new();
    for (family, _) in FAMILIES {
        write!(table, "{family} {}, ", all.iter().filter(|guest| guest.family == *family).count()).unwrap();
    }
    println!("{} guests ({table}), {device} runs as on a device, {server} as on the server", all.len());
    assert!(all.len() >= 100 && device >= 100 && server >= 80, "{} guests, {device}, {server}", all.len());
}

#[tokio::test]
async fn every_guest_of_the_corpus_passes_the_gate_so_that_running_it_is_the_next_line() {
    let lab = Lab::new().await;
    let mut names = std::collections::BTreeSet::new();
    for guest in guests() {
        assert!(names.insert(guest.name), "{} twice", guest.name);
        for side in guest.sides() {
            let component = guest.component(side);
            assert_eq!(component.digest, Digest::of(&component.bytes));
            let inspection = lab.sandbox.inspect(component.bytes).await;
            assert_eq!(inspection.problems, [], "{}/{}", guest.family, guest.name);
        }
    }
}

/// Returns a figure of a process's memory, in bytes.
fn memory(pid: u32, figure: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

// proves C3 (bounds of memory)
#[tokio::test]
async fn the_runner_never_holds_more_than_a_guests_memory_and_a_little() {
    let lab = Lab::new().await;
    let pid = lab.runner();
    let large = guests().into_iter().filter(|guest| matches!(guest.family, "memory" | "results" | "flood" | "stack"));
    for guest in large.filter(|guest| guest.sides().contains(&Side::Device)) {
        lab.sandbox.prepare(&guest.component(Side::Device)).await.unwrap();
        // 5 sets the high-water mark back.
        std::fs::write(format!("/proc/{pid}/clear_refs"), "5").unwrap();
        let before = memory(pid, "VmRSS:");
        run(&lab, &guest, Side::Device).await;
        let rise = memory(pid, "VmHWM:").saturating_sub(before);
        let bound = guest.budget().memory_bytes_max + 16 * MIB;
        assert!(rise <= bound, "{} took {rise} bytes, its memory and 16 MiB are {bound}", guest.name);
    }
    assert_eq!(lab.runner(), pid, "the same process");
}
