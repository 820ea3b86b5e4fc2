//! `fitment-agent status`: the status in lines for people.

use std::time::Duration;

use fitment_domain::time::UnixMs;

use crate::files;
use crate::folder::StateFolder;
use crate::identity::{BadIdentity, Identity};
use crate::status::{ItemStatus, Standing, Status};

const STATUS_BYTES_MAX: usize = 16 * 1024 * 1024;
const READ_TRIES: usize = 5;
const READ_PAUSE: Duration = Duration::from_millis(20);

/// Returns the lines.
pub fn lines(folder: &StateFolder, now: UnixMs) -> Result<Vec<String>, BadIdentity> {
    let mut lines = identity_lines(folder, now)?;
    let runs = files::is_locked(&folder.lock());
    let Some(status) = read(folder) else {
        lines.push(line("agent", "has not run with this state folder"));
        return Ok(lines);
    };
    let since = if runs { ago(status.started, now) } else { ago(status.updated, now) };
    let state = if runs { format!("running, started {since}") } else { format!("not running, last seen {since}") };
    lines.push(line("agent", &format!("{} {state}", status.agent_version)));
    let contact = status.last_contact.map_or("never since the agent started".to_owned(), |at| ago(at, now));
    lines.push(line("last contact", &contact));
    lines.extend(set_lines(&status, now));
    lines.push(line("spool", &spool_words(&status)));
    lines.push(line("sandbox", &sandbox_words(&status)));
    if status.instructions_refused > 0 {
        lines.push(line("refused", &format!("{} answers about instructions", status.instructions_refused)));
    }
    lines.extend(problem_lines(&status, now));
    Ok(lines)
}

/// On a full disk the file is written in its place, and can be met half written.
fn read(folder: &StateFolder) -> Option<Status> {
    (0..READ_TRIES).find_map(|_| {
        let bytes = files::read_bounded(&folder.status(), STATUS_BYTES_MAX).ok()?;
        let status = serde_json::from_slice(&bytes).ok();
        if status.is_none() {
            std::thread::sleep(READ_PAUSE);
        }
        status
    })
}

fn line(name: &str, words: &str) -> String {
    format!("{name:<13} {words}")
}

fn identity_lines(folder: &StateFolder, now: UnixMs) -> Result<Vec<String>, BadIdentity> {
    let Some(identity) = Identity::load(folder)? else {
        return Ok(vec![line(
            "identity",
            "none: enrol with `fitment-agent enrol --bundle zero.json --state <folder>`",
        )]);
    };
    let until = identity.validity()?.until;
    let certificate = if until < now {
        format!("expired {}; it is renewed as soon as the server answers", ago(until, now))
    } else {
        format!("expires {}", ahead(until, now))
    };
    Ok(vec![
        line("identity", &format!("{} of {}", identity.me.device, identity.me.tenant)),
        line("server", &identity.server),
        line("certificate", &certificate),
    ])
}

fn set_lines(status: &Status, now: UnixMs) -> Vec<String> {
    let Some(set) = status.set else { return vec![line("set", "none yet")] };
    let stale = status.set_expires.filter(|expires| *expires < now);
    let stale = stale.map_or(String::new(), |at| format!(", expired {}", ago(at, now)));
    let group = if status.group.is_empty() { String::new() } else { format!(", group {}", status.group) };
    let mut lines =
        vec![line("set", &format!("epoch {} T {}, {} items{group}{stale}", set.epoch, set.t, status.items.len()))];
    lines.extend(status.items.iter().map(|item| line("", &item_words(item, now))));
    lines
}

fn item_words(item: &ItemStatus, now: UnixMs) -> String {
    let standing = match &item.standing {
        Standing::Running => match (&item.last_outcome, item.last_run) {
            (Some(outcome), Some(at)) => format!("{outcome}, {}", ago(at, now)),
            _ => "not run yet".to_owned(),
        },
        Standing::Waiting(reason) => format!("waits: {reason}"),
        Standing::Refused(reason) => format!("REFUSED: {reason}"),
    };
    let code = item.code.as_ref().map_or_else(String::new, |code| format!("; {code}"));
    format!("{} {} every {} s: {standing}{code}", item.accessory, item.version, item.interval_s)
}

fn spool_words(status: &Status) -> String {
    let spool = &status.spool;
    let mut words = format!("{} results wait ({} bytes)", spool.records, spool.bytes);
    let counts = [
        (spool.not_on_disk as u64, "in memory only"),
        (spool.dropped, "dropped"),
        (spool.refused, "refused by the server"),
        (spool.unreadable, "unreadable"),
    ];
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        words.push_str(&format!(", {count} {what}"));
    }
    words
}

fn sandbox_words(status: &Status) -> String {
    match status.sandbox_lacks.as_deref() {
        None => "not started: nothing ran yet".to_owned(),
        Some([]) => "confined".to_owned(),
        Some(lacks) => format!("confined LESS than it should be, it lacks: {}", lacks.join("; ")),
    }
}

fn problem_lines(status: &Status, now: UnixMs) -> Vec<String> {
    let mut problems: Vec<_> = status.problems.values().collect();
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.since));
    if problems.is_empty() {
        return vec![line("problem", "none")];
    }
    let words = problems.iter().flat_map(|problem| {
        let what = format!("{}, {}: {}", problem.code, ago(problem.since, now), problem.message);
        [line("problem", &what), line("", &format!("remedy: {}", problem.remedy))]
    });
    words.collect()
}

fn ago(at: UnixMs, now: UnixMs) -> String {
    format!("{} ago", span(now.since_ms(at)))
}

fn ahead(at: UnixMs, now: UnixMs) -> String {
    format!("in {}", span(at.since_ms(now)))
}

fn span(ms: u64) -> String {
    match ms / 1_000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}
