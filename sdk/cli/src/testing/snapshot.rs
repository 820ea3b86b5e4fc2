//! What a run answered, as a text to compare with: everything that is the same in every run, and nothing else.

use std::path::{Path, PathBuf};

use fitment_domain::run::RunReport;
use serde_json::json;

use super::host::Heard;
use crate::failure::Failure;
use crate::files;

const SNAPSHOT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Lines of a difference that are shown around each change.
const CONTEXT: usize = 2;

/// Renders how a run ended, what it logged, what it left, and what it said to the world meanwhile.
pub fn render(report: &RunReport, heard: &Heard) -> Result<String, Failure> {
    let log: Vec<_> = report.log.iter().map(|line| json!([line.level, line.message])).collect();
    let mut answer = json!({ "end": report.end, "log": log });
    if let Some(state) = &report.state {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        answer["state"] = state.iter().map(|(key, value)| (key.clone(), json!(text(value)))).collect();
    }
    if !heard.asked.is_empty() {
        answer["asked"] = json!(heard.asked);
    }
    if !heard.told.is_empty() {
        answer["told"] = json!(heard.told);
    }
    let text = serde_json::to_string_pretty(&answer)
        .map_err(|e| Failure::environment(format!("the answer cannot be written: {e}")))?;
    Ok(format!("{text}\n"))
}

/// Returns the file beside the case.
pub fn path(fixture: &Path) -> PathBuf {
    fixture.with_extension("snap")
}

/// Reads what was accepted. None if nobody accepted an answer yet.
pub fn read(path: &Path) -> Result<Option<String>, Failure> {
    if path.exists() { files::read_text(path, SNAPSHOT_BYTES_MAX).map(Some) } else { Ok(None) }
}

/// Renders the difference line by line: `-` was accepted, `+` came now.
pub fn difference(accepted: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (accepted.lines().collect(), now.lines().collect());
    let same_before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[same_before..], &new[same_before..]);
    let same_after = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let context = |lines: &[&str]| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
    let marked = |mark: char, lines: &[&str]| lines.iter().map(|line| format!("  {mark} {line}\n")).collect::<String>();
    let before = &old[same_before.saturating_sub(CONTEXT)..same_before];
    let tail = &old_rest[old_rest.len() - same_after..];
    format!(
        "{}{}{}{}",
        context(before),
        marked('-', &old_rest[..old_rest.len() - same_after]),
        marked('+', &new_rest[..new_rest.len() - same_after]),
        context(&tail[..tail.len().min(CONTEXT)])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_a_little_around_it() {
        let shown = difference("a\nb\nc\nd\ne\nf\n", "a\nb\nc\nX\ne\nf\n");
        assert_eq!(shown, "    b\n    c\n  - d\n  + X\n    e\n    f\n");
        assert_eq!(difference("a\n", "a\na\n"), "    a\n  + a\n");
    }
}
