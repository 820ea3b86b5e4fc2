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
    let output = command.args(arguments).arg("--probe-confinement").args(paths).output().unwrap();
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
    let mut compiler = Command::new(program("fitment-compiler"));
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
    drop(input);
    let output = compiler.wait_with_output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
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

    let mut done = probe(&[], &paths);
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
    assert_eq!(probe(&["--simulate"], &paths), ["DONE a thread"]);
    // What runs on a server sees nothing of it.
    assert_eq!(probe(&["--no-device"], &paths), ["DONE a thread"]);
}
