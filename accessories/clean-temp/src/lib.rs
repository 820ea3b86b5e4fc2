//! Removes old files from the temporary folders.

use fitment_sdk::files::{self, FileKind, Metadata};
use fitment_sdk::{Context, Fault, Outcome, Script, log, script, text};
use serde::Deserialize;

const ROOTS: [&str; 2] = ["/tmp", "/var/tmp"];
const HOUR_MS: f64 = 3_600_000.0;
const DEPTH_MAX: usize = 12;
/// Leaves room for what the run still has to say.
const CALLS_MAX: u64 = 9_000;
const RESERVE_MS: u32 = 3_000;

struct CleanTemp;

#[derive(Debug, Deserialize)]
#[serde(default)]
struct Parameters {
    older_than_hours: f64,
    dry_run: bool,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { older_than_hours: 72.0, dry_run: false }
    }
}

#[derive(Debug, Default)]
struct Tally {
    removed: u64,
    freed: u64,
    failed: u64,
    calls: u64,
    cut_short: bool,
}

impl Script for CleanTemp {
    fn run(ctx: &Context) -> Result<Outcome, Fault> {
        let parameters: Parameters = ctx.parameters()?;
        let before_ms = ctx.now_ms().saturating_sub((parameters.older_than_hours * HOUR_MS) as u64);
        let mut tally = Tally::default();
        for (index, root) in ROOTS.into_iter().enumerate() {
            script::progress((index * 50) as u8, &format!("looking through {root}"));
            match files::list(root) {
                Ok(entries) => clean(ctx, &parameters, before_ms, &entries, 1, &mut tally),
                Err(Fault::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        script::progress(100, "done");
        Ok(outcome(&parameters, &tally))
    }
}

/// Goes through a folder and all below it. Folders stay.
fn clean(
    ctx: &Context,
    parameters: &Parameters,
    before_ms: u64,
    entries: &[Metadata],
    depth: usize,
    tally: &mut Tally,
) {
    for entry in entries {
        match entry.kind {
            FileKind::Directory if depth < DEPTH_MAX => {
                if !may_go_on(ctx, tally) {
                    return;
                }
                if let Ok(inside) = files::list(&entry.path) {
                    clean(ctx, parameters, before_ms, &inside, depth + 1, tally);
                }
            }
            // An unpacked archive keeps old times of its contents, and is new here all the same.
            FileKind::File | FileKind::Symlink if entry.modified_ms.max(entry.changed_ms) < before_ms => {
                if !may_go_on(ctx, tally) {
                    return;
                }
                remove(parameters, entry, tally);
            }
            // Sockets and pipes belong to somebody who runs; young files to somebody who works.
            FileKind::Directory | FileKind::File | FileKind::Symlink | FileKind::Other => {}
        }
    }
}

/// Tells whether one more call is within the run's calls and time; asking for the time is a call itself.
fn may_go_on(ctx: &Context, tally: &mut Tally) -> bool {
    tally.calls += 2;
    tally.cut_short |= tally.calls > CALLS_MAX || ctx.remaining_ms() < RESERVE_MS;
    !tally.cut_short
}

fn remove(parameters: &Parameters, entry: &Metadata, tally: &mut Tally) {
    let freed = if parameters.dry_run { Ok(entry.size) } else { files::remove(&entry.path) };
    match freed {
        Ok(bytes) => {
            tally.removed += 1;
            tally.freed += bytes;
        }
        Err(fault) => {
            tally.failed += 1;
            log::warn(&[text::short(&entry.path).as_str(), ": ", fault.to_text().as_str()].concat());
        }
    }
}

fn outcome(parameters: &Parameters, tally: &Tally) -> Outcome {
    let what = format!("{}, {}", text::count(tally.removed, "file", "files"), text::bytes(tally.freed));
    let rest = if tally.cut_short { "; more is left: run it again" } else { "" };
    let outcome = if parameters.dry_run {
        Outcome::unchanged(format!("would remove {what}{rest}"))
    } else if tally.removed == 0 {
        Outcome::unchanged(format!("nothing was old enough to remove{rest}"))
    } else {
        Outcome::changed(format!("removed {what}{rest}"))
    };
    outcome
        .output("files_removed", tally.removed.to_string())
        .output("bytes_freed", tally.freed.to_string())
        .output("files_failed", tally.failed.to_string())
}

fitment_sdk::export!(CleanTemp as script);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_says_what_was_done() {
        let tally = Tally { removed: 2, freed: 5_000, ..Tally::default() };
        let done = outcome(&Parameters::default(), &tally);
        assert_eq!((done.changed, done.summary.as_str()), (true, "removed 2 files, 5.0 kB"));
        let dry = outcome(&Parameters { dry_run: true, ..Parameters::default() }, &tally);
        assert!(!dry.changed);
    }
}
