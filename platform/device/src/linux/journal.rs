//! journalctl(1): its JSON lines are documented, the files it reads are its own affair.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::programs;
use crate::Unreadable;
use crate::journal::{LogEntry, LogPage, MESSAGE_CHARS_MAX};
use crate::programs::{Bounds, Output};

const PROGRAM: &str = "/usr/bin/journalctl";
const FOLDERS: [&str; 2] = ["/var/log/journal", "/run/log/journal"];
const OUTPUT_BYTES_MAX: usize = 2 * 1024 * 1024;
const ERROR_BYTES_MAX: usize = 4 * 1024;

pub(crate) fn read(unit: &str, cursor: Option<&str>, limit: u32, wait_max: Duration) -> Result<LogPage, Unreadable> {
    if !Path::new(PROGRAM).exists() || !FOLDERS.iter().any(|folder| Path::new(folder).is_dir()) {
        return Err(Unreadable::Unsupported("logs (this system keeps no journal)".to_owned()));
    }
    page(PROGRAM, unit, cursor, limit, wait_max)
}

fn page(
    program: &str,
    unit: &str,
    cursor: Option<&str>,
    limit: u32,
    wait_max: Duration,
) -> Result<LogPage, Unreadable> {
    let after = cursor.map(|cursor| format!("--after-cursor={cursor}"));
    let mut question = vec![format!("--unit={unit}"), format!("--lines={limit}")];
    question.extend(after);
    let (entries, last) = entries(&ask(program, question, wait_max)?, unit);
    let cursor = match last.or_else(|| cursor.map(str::to_owned)) {
        Some(cursor) => cursor,
        // The unit wrote nothing yet: what anybody wrote last is where it would go on.
        None => entries_of_anybody(program, wait_max)?,
    };
    Ok(LogPage { entries, cursor })
}

fn entries_of_anybody(program: &str, wait_max: Duration) -> Result<String, Unreadable> {
    let output = ask(program, vec!["--lines=1".to_owned()], wait_max)?;
    Ok(entries(&output, "").1.unwrap_or_default())
}

fn ask(program: &str, question: Vec<String>, wait_max: Duration) -> Result<Output, Unreadable> {
    let fixed = ["--output=json", "--output-fields=MESSAGE,PRIORITY", "--no-pager", "--quiet", "--system"];
    let argv: Vec<String> = [program].into_iter().chain(fixed).map(str::to_owned).chain(question).collect();
    let bounds = Bounds { wait_max, stdout_bytes_max: OUTPUT_BYTES_MAX, stderr_bytes_max: ERROR_BYTES_MAX };
    let output = programs::run(&argv, &[], bounds, &|| false)?;
    if output.exit_code != 0 && output.stdout.is_empty() {
        let said: String = String::from_utf8_lossy(&output.stderr).trim().chars().take(300).collect();
        return Err(Unreadable::Failed(format!("journalctl ended with {}: {said}", output.exit_code)));
    }
    Ok(output)
}

/// One line: every value is a text, or an array of bytes where it is none, or null where it is too long.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "__CURSOR")]
    cursor: String,
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    time_us: String,
    #[serde(rename = "PRIORITY")]
    priority: Option<String>,
    #[serde(rename = "MESSAGE")]
    message: Option<Message>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
    /// A field that an entry has several times.
    Other(serde_json::Value),
}

/// Reads what came, up to the last whole line, and the place after it.
fn entries(output: &Output, unit: &str) -> (Vec<LogEntry>, Option<String>) {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let parsed: Vec<Line> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = parsed.last().map(|line| line.cursor.clone());
    (parsed.into_iter().map(|line| entry(line, unit)).collect(), last)
}

fn entry(line: Line, unit: &str) -> LogEntry {
    let message = match line.message {
        Some(Message::Text(text)) => text,
        Some(Message::Bytes(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        Some(Message::Other(value)) => value.to_string(),
        None => String::new(),
    };
    LogEntry {
        time_ms: line.time_us.parse::<u64>().unwrap_or(0) / 1_000,
        unit: unit.to_owned(),
        // What names none is informational, as for syslog.
        priority: line.priority.and_then(|text| text.parse().ok()).unwrap_or(6),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    /// A program in the place of journalctl, which notes how it was called.
    fn journalctl(script: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journalctl");
        let asked = folder.path().join("asked");
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >> {}\n{script}\n", asked.display());
        std::fs::write(&path, script).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        // What another test starts at this moment holds the script open for writing until it has become its own program.
        let busy = |path: &Path| {
            let tried = std::process::Command::new(path).output();
            tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy)
        };
        while busy(&path) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::remove_file(&asked).expect("what it noted");
        let path = path.to_str().expect("a path").to_owned();
        (folder, path)
    }

    fn line(cursor: &str, message: &str) -> String {
        format!(
            r#"{{"__CURSOR":"{cursor}","__REALTIME_TIMESTAMP":"1700000000123456","PRIORITY":"3","MESSAGE":{message}}}"#
        )
    }

    #[test]
    fn entries_come_with_the_place_to_go_on_from() {
        let text =
            [line("s=1;i=1", r#""broken""#), line("s=1;i=2", "[104,105,255]"), line("s=1;i=3", "null")].join("\n");
        let (folder, program) = journalctl(&format!("cat <<'END'\n{text}\nEND"));
        let page = page(&program, "web.service", Some("s=1;i=0"), 7, WAIT).expect("a page");
        let messages: Vec<&str> = page.entries.iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(messages, ["broken", "hi\u{fffd}", ""]);
        assert_eq!((page.entries[0].time_ms, page.entries[0].priority), (1_700_000_000_123, 3));
        assert_eq!(page.cursor, "s=1;i=3");
        let asked = std::fs::read_to_string(folder.path().join("asked")).expect("how it was called");
        assert!(asked.ends_with("--unit=web.service --lines=7 --after-cursor=s=1;i=0\n"), "{asked}");
    }

    #[test]
    fn a_unit_that_wrote_nothing_goes_on_from_what_anybody_wrote_last() {
        let line = line("s=1;i=9", r#""of somebody else""#);
        let (_folder, program) = journalctl(&format!("case \"$*\" in *--unit*) ;; *) echo '{line}';; esac"));
        let page = page(&program, "web.service", None, 7, WAIT).expect("a page");
        assert_eq!((page.entries.len(), page.cursor.as_str()), (0, "s=1;i=9"));
    }

    #[test]
    fn half_a_line_is_left_for_the_next_time_and_a_failure_is_told() {
        let whole = line("s=1;i=1", r#""whole""#);
        let (_folder, program) = journalctl(&format!("printf '%s\\n%s' '{whole}' '{{\"__CURSOR\":\"s=1;i=2'"));
        let page_of = |program: &str| page(program, "web.service", None, 7, WAIT);
        assert_eq!(page_of(&program).expect("a page").cursor, "s=1;i=1");
        let (_folder, program) = journalctl("echo 'Failed to seek' >&2; exit 1");
        assert!(matches!(page_of(&program), Err(Unreadable::Failed(words)) if words.contains("Failed to seek")));
    }
}
