//! `/proc/PID/stat` and `/proc/PID/status`, proc(5). `cmdline` and `environ` are never opened.

use std::collections::HashMap;
use std::fs;

use super::uptime;
use crate::Unreadable;
use crate::processes::{Observed, Process};

const PROC: &str = "/proc";
/// More processes than any machine that a person looks after has.
const PROCESSES_MAX: usize = 100_000;

pub(crate) fn read() -> Result<Vec<Observed>, Unreadable> {
    let uptime = uptime::read()?;
    let users = users();
    let entries = fs::read_dir(PROC).map_err(|source| Unreadable::Io { what: PROC, source })?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let machine = Machine {
        tick_ms: 1_000.0 / rustix::param::clock_ticks_per_second().max(1) as f64,
        page_bytes: rustix::param::page_size() as u64,
        up_ms: uptime.seconds * 1_000.0,
        boot_ms: uptime.boot_ms,
    };
    // One that ended meanwhile is none.
    let mut all: Vec<Observed> = pids.take(PROCESSES_MAX).filter_map(|pid| process(pid, &machine, &users)).collect();
    all.sort_by_key(|observed| observed.process.pid);
    Ok(all)
}

/// What turns the kernel's figures into ours.
struct Machine {
    tick_ms: f64,
    page_bytes: u64,
    up_ms: f64,
    boot_ms: u64,
}

fn process(pid: u32, machine: &Machine, users: &HashMap<u32, String>) -> Option<Observed> {
    let text = |file: &str| fs::read(format!("{PROC}/{pid}/{file}")).ok();
    let stat = String::from_utf8_lossy(&text("stat")?).into_owned();
    let status = String::from_utf8_lossy(&text("status")?).into_owned();
    let uid: u32 =
        status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1)?.parse().ok())?;
    let mut observed = of_stat(pid, &stat, machine)?;
    observed.process.user = users.get(&uid).cloned().unwrap_or_else(|| uid.to_string());
    Some(observed)
}

/// `pid (name) state parent …`: the name may hold brackets and blanks, so that only the last bracket ends it.
fn of_stat(pid: u32, stat: &str, machine: &Machine) -> Option<Observed> {
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let figures: Vec<&str> = rest.split_whitespace().collect();
    let figure = |at: usize| figures.get(at)?.parse::<u64>().ok();
    let started_ms = figure(19)? as f64 * machine.tick_ms;
    let process = Process {
        pid,
        parent: u32::try_from(figure(1)?).ok()?,
        name: name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        user: String::new(),
        cpu: 0.0,
        rss_bytes: figure(21)?.saturating_mul(machine.page_bytes),
        started_ms: machine.boot_ms.saturating_add(started_ms as u64),
    };
    let cpu_ms = (figure(11)?.saturating_add(figure(12)?)) as f64 * machine.tick_ms;
    Some(Observed { process, cpu_ms: cpu_ms as u64, age_ms: (machine.up_ms - started_ms).max(0.0) as u64 })
}

/// Names of accounts; a machine without the list has numbers.
fn users() -> HashMap<u32, String> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let account = |line: &str| {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next()?, fields.nth(1)?);
        Some((uid.parse().ok()?, name.to_owned()))
    };
    // The first of several names counts, as everywhere.
    text.lines().rev().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_rest_of_the_line() {
        let stat = "7 (a) b (x) S 1 7 7 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 1000 4096 3 0";
        let machine = Machine { tick_ms: 10.0, page_bytes: 4096, up_ms: 70_000.0, boot_ms: 1_000_000 };
        let observed = of_stat(7, stat, &machine).expect("a line");
        assert_eq!((observed.process.name.as_str(), observed.process.parent), ("a) b (x", 1));
        assert_eq!((observed.cpu_ms, observed.age_ms), (3_000, 60_000));
        assert_eq!((observed.process.rss_bytes, observed.process.started_ms), (3 * 4096, 1_010_000));
        assert!(of_stat(7, "7 a S 1", &machine).is_none() && of_stat(7, "7 (a) S", &machine).is_none());
    }

    #[test]
    fn this_process_is_listed_with_its_parent_and_its_memory() {
        let all = read().expect("/proc");
        let own = all.iter().find(|observed| observed.process.pid == std::process::id()).expect("this process");
        assert!(own.process.parent > 0 && own.process.rss_bytes > 100_000 && !own.process.user.is_empty());
        assert!(all.windows(2).all(|pair| pair[0].process.pid < pair[1].process.pid));
    }
}
