//! Watches the processes that must run, and what they use.

use fitment_sdk::processes::Process;
use fitment_sdk::{Context, Fault, Finding, Monitor, processes};
use serde::Deserialize;

const MIB: u64 = 1024 * 1024;

struct ProcessWatch;

#[derive(Debug, Deserialize)]
struct Config {
    processes: Vec<String>,
    /// 0: not judged.
    #[serde(default)]
    memory_warning_mib: u64,
}

impl Monitor for ProcessWatch {
    fn check(ctx: &Context) -> Result<Vec<Finding>, Fault> {
        let config: Config = ctx.config()?;
        let all = processes::list()?;
        Ok(config.processes.iter().map(|name| judge(name, &all, config.memory_warning_mib)).collect())
    }
}

fn judge(name: &str, all: &[Process], warning_mib: u64) -> Finding {
    let mine: Vec<&Process> = all.iter().filter(|process| process.name == name).collect();
    let rss_bytes: u64 = mine.iter().map(|process| process.rss_bytes).sum();
    let cpu: f64 = mine.iter().map(|process| process.cpu).sum();
    let mib = rss_bytes / MIB;
    let finding = if mine.is_empty() {
        Finding::critical("process", format!("{name} is not running"))
    } else if warning_mib > 0 && mib > warning_mib {
        Finding::warning("process", format!("{name} uses {mib} MiB, more than {warning_mib} MiB"))
            .details(largest(&mine))
    } else {
        Finding::ok("process", format!("{name} runs ({} processes, {mib} MiB)", mine.len()))
    };
    finding
        .subject(name)
        .sample("count", mine.len() as f64, "1")
        .sample("rss", rss_bytes as f64, "By")
        .sample("cpu", cpu, "1")
}

/// Names the one with the most memory: where somebody looks first.
fn largest(mine: &[&Process]) -> String {
    let largest = mine.iter().max_by_key(|process| process.rss_bytes);
    let line = |process: &&Process| format!("{} of {} uses {} MiB", process.pid, process.user, process.rss_bytes / MIB);
    largest.map(line).unwrap_or_default()
}

fitment_sdk::export!(ProcessWatch as monitor);

#[cfg(test)]
mod tests {
    use fitment_sdk::Health;

    use super::*;

    fn process(pid: u32, name: &str, mib: u64) -> Process {
        let (name, user) = (name.to_owned(), "web".to_owned());
        Process { pid, parent: 1, name, user, cpu: 0.25, rss_bytes: mib * MIB, started_ms: 0 }
    }

    #[test]
    fn what_is_missing_is_critical_and_what_is_large_a_warning() {
        let all = [process(1, "web", 100), process(2, "web", 150), process(3, "webserver", 1)];
        assert_eq!(judge("web", &all, 0).health, Health::Ok);
        assert_eq!(judge("web", &all, 250).health, Health::Ok);
        let large = judge("web", &all, 249);
        assert_eq!((large.health, large.details.as_deref()), (Health::Warning, Some("2 of web uses 150 MiB")));
        assert_eq!(judge("db", &all, 0).health, Health::Critical);
    }
}
