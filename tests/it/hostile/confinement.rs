//! A guest that broke the runner has the runner's process, and in it nothing: these tests ask the real program what it can still do.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::lab::Lab;
use crate::support::programs::program;

/// Returns a line of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
}

fn limit(pid: u32, name: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn assert_nothing_is_left(pid: u32) {
    assert_eq!((status(pid, "NoNewPrivs"), status(pid, "Seccomp")), ("1".to_owned(), "2".to_owned()));
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(pid, set), "0000000000000000", "{set}");
    }
    // Whoever starts it is root here: it is somebody else, who has no file and is in no group.
    if status(std::process::id(), "Uid").starts_with("0\t") {
        for account in ["Uid", "Gid"] {
            let all: Vec<String> = status(pid, account).split('\t').map(str::to_owned).collect();
            assert!(all.iter().all(|number| *number == all[0] && number != "0"), "{account}: {all:?}");
        }
        assert_eq!(status(pid, "Groups"), "");
        assert_eq!(limit(pid, "Max processes"), "1024 1024");
    }
    assert_eq!(limit(pid, "Max core file size"), "0 0");
}

/// Returns what a confined runner could do, and what its kernel lacks.
fn probe(arguments: &[&str], paths: &[&Path]) -> Vec<String> {
    let mut command = Command::new(program("fitment-runner"));
    done(command.args(arguments).args(paths))
}

fn done(command: &mut Command) -> Vec<String> {
    // A run in which it could write may have left it.
    let _ = std::fs::remove_file("/tmp/fitment-probe");
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("refused "), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| !line.starts_with("refused ")).map(str::to_owned).collect()
}

// proves C3 (what breaks the runner gains nothing)
#[tokio::test]
async fn a_runner_has_no_account_no_privilege_and_no_system_call_that_it_does_not_need() {
    let lab = Lab::new().await;
    let runner = lab.runner();
    assert_nothing_is_left(runner);
    assert_eq!(limit(runner, "Max open files"), "1088 1088");
    // The filter, and the one that makes the C library start threads in a way that a filter can judge.
    assert_eq!(status(runner, "Seccomp_filters"), "2");
}

#[test]
fn a_compiler_has_nothing_left_before_it_reads_its_first_byte() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut compiler = inheriting(secret.path(), &program("fitment-compiler"));
    let mut compiler =
        compiler.arg("inspect").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = compiler.stdin.take().unwrap();
    input.write_all(b"x").unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    // It waits for the rest of its input.
    while status(compiler.id(), "Seccomp") != "2" && std::time::Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_nothing_is_left(compiler.id());
    assert_eq!(limit(compiler.id(), "Max open files"), "16 16");
    assert!(!holds(compiler.id(), secret.path()), "it holds a file of whoever started it");
    drop(input);
    let output = compiler.wait_with_output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Prepares a program that is started with a file that whoever starts it has open, as its descriptor 7.
pub(super) fn inheriting(file: &Path, program: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec 7<>\"$1\"; shift; exec \"$@\"", "sh"]).args([file, program]);
    command
}

/// Returns whether a process has a file open; nobody but root sees that of a process that gave up so much.
pub(super) fn holds(pid: u32, file: &Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    open.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|leads| leads == file))
}

// proves C3 (what breaks the runner gains nothing)
#[test]
fn a_program_of_the_sandbox_has_nothing_open_of_whoever_started_it() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let mut runner = inheriting(secret.path(), &program("fitment-runner"));
    let done = done(runner.arg("--probe-confinement"));
    assert!(!done.contains(&"DONE a descriptor of whoever started it".to_owned()), "{done:?}");

    // Another program has it.
    let mut sleeper = inheriting(secret.path(), Path::new("/bin/sleep")).arg("60").spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !holds(sleeper.id(), secret.path()) {
        assert!(std::time::Instant::now() < until, "it is not inherited at all");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

// proves C3 (what breaks the runner gains nothing)
#[test]
fn without_landlock_a_runner_that_was_broken_still_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let open = folder.path().join("open");
    std::fs::write(&open, "x").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).unwrap();
    let new = folder.path().join("new");
    let done = probe(&["--probe-confinement", "--without-landlock"], &[&open, &new, folder.path()]);
    assert!(done.iter().any(|line| line.starts_with("lacks landlock (left out")), "{done:?}");
    // What its account may read is open where no landlock closes it; that is said.
    assert!(done.contains(&format!("DONE read {}", open.display())), "{done:?}");
    let reads =
        ["DONE read ", "DONE list ", "DONE a device of the system", "DONE a thread", "DONE figures of the kernel"];
    let reads =
        [&reads[..], &["DONE mounts", "DONE names of accounts", "DONE programs of the system", "lacks "]].concat();
    let more: Vec<&String> = done.iter().filter(|line| !reads.iter().any(|read| line.starts_with(read))).collect();
    assert_eq!(more, Vec::<&String>::new());
    assert_eq!(std::fs::read_to_string(&open).unwrap(), "x");
    assert!(!new.exists() && !Path::new("/tmp/fitment-probe").exists());
}

// proves C3 (what breaks the runner gains nothing)
#[test]
fn a_runner_that_was_broken_reads_figures_and_does_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let state = folder.path().join("identity.json");
    std::fs::write(&state, "the agent's key").unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o600)).unwrap();
    // What everybody may read and write is closed too.
    let open = folder.path().join("open");
    std::fs::write(&open, "x").unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o666)).unwrap();
    let paths =
        [state.as_path(), &open, folder.path(), Path::new("/var/log"), Path::new("/root"), Path::new("/etc/shadow")];

    let mut done = probe(&["--probe-confinement"], &paths);
    done.sort();
    let expected = [
        "DONE a device of the system",
        "DONE a thread",
        "DONE figures of the kernel",
        "DONE mounts",
        "DONE names of accounts",
    ];
    assert_eq!(done, expected);
    assert_eq!(std::fs::read_to_string(&open).unwrap(), "x");
    assert!(state.exists() && !Path::new("/tmp/fitment-probe").exists());
    // One that only plays with fixtures does not even read.
    assert_eq!(probe(&["--simulate", "--probe-confinement"], &paths), ["DONE a thread"]);
    // What runs on a server sees nothing of it.
    assert_eq!(probe(&["--no-device", "--probe-confinement"], &paths), ["DONE a thread"]);
}
