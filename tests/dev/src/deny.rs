//! cargo-deny: which crates, licences and sources the dependency tree may hold.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::progress::Reporter;
use crate::shell;
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

/// Finds cargo-deny, or builds it once into the cache.
///
/// The dev profile builds it in a minute; what it does with a tree of this size takes seconds either way.
pub(crate) fn ensure(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let program = program(workspace);
    if program.is_file() {
        return Ok(format!("{VERSION}, from the cache"));
    }
    let root = program.ancestors().nth(2).context("a program lies in a folder")?;
    let mut install = workspace.cargo();
    install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--profile", "dev", "--root"]).arg(root);
    // A folder of its own: half of its crates are ours in other versions, and nothing of them is wanted after.
    let scratch = root.join("build");
    install.env("CARGO_TARGET_DIR", &scratch).env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_INCREMENTAL", "0");
    let mut compiled = 0;
    let finished = shell::run(install, &workspace.logs()?.join("cargo-deny-install.log"), |line| {
        if line.trim_start().starts_with("Compiling ") {
            compiled += 1;
            reporter.says(&format!("{compiled} crates"));
        }
    })?;
    let _ = std::fs::remove_dir_all(&scratch);
    finished.ok("cargo install cargo-deny")?;
    Ok(format!("{VERSION}, built into the cache"))
}

/// Checks bans, licences and sources; each is a failure when broken.
pub(crate) fn check(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let finished = shell::run(
        command(workspace, &["bans", "licenses", "sources"]),
        &workspace.logs()?.join("cargo-deny.log"),
        |line| reporter.says(line),
    )?;
    finished.ok("cargo deny")?;
    Ok("bans, licences, sources as .deny.toml allows".to_owned())
}

/// Returns a line about known advisories, which come from outside and therefore never decide.
pub(crate) fn advisories(workspace: &Workspace) -> Result<String> {
    let mut unreachable = false;
    let mut found = 0;
    let log = workspace.logs()?.join("cargo-deny-advisories.log");
    let finished = shell::run(command(workspace, &["advisories"]), &log, |line| {
        unreachable |=
            line.contains("failed to fetch advisory database") || line.contains("failed to load advisory database");
        found += usize::from(line.starts_with("error["));
    })?;
    Ok(match (finished.status.success(), unreachable) {
        (true, _) => "advisories: none known against Cargo.lock".to_owned(),
        // 124 is what timeout(1) says: a network that swallows packets.
        (false, true) => "advisories: no database here".to_owned(),
        (false, false) if finished.status.code() == Some(124) => "advisories: no database here".to_owned(),
        (false, false) => format!("advisories: {found} against Cargo.lock, see {}", log.display()),
    })
}

fn command(workspace: &Workspace, checks: &[&str]) -> Command {
    let mut command = workspace.command("timeout");
    command.arg("120").arg(program(workspace)).args(["--color", "never", "--config", ".deny.toml", "check"]);
    command.args(["--hide-inclusion-graph"]).args(checks);
    command
}

fn program(workspace: &Workspace) -> PathBuf {
    workspace.cache.join(format!("fitment-tools/cargo-deny-{VERSION}/bin/cargo-deny"))
}
