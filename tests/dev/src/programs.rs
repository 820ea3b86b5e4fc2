//! Builds what runs: three programs, the two halves of the sandbox, and the catalogue.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::progress::{Reporter, Steps};
use crate::workspace::Workspace;
use crate::{machine, shell};

/// How many steps [`build`] takes.
pub(crate) const STEPS: usize = 4;

/// Builds all programs and accessories.
///
/// The programs land in one folder and find each other beside themselves.
pub(crate) fn build(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    let programs = ["-p", "fitment-server", "-p", "fitment-agent", "-p", "fitment-cli"];
    steps.run("server, agent and command line", |reporter| cargo_build(workspace, &programs, reporter))?;
    sandbox(steps, workspace)?;
    steps.run("accessories", |reporter| accessories(workspace, reporter))
}

/// Builds the two halves of the sandbox, in two steps.
pub(crate) fn sandbox(steps: &mut Steps, workspace: &Workspace) -> Result<()> {
    // Separate calls: cargo unites the features of what one call builds, and the runner must not hold the compiler.
    let runner = ["-p", "fitment-runtime", "--bin", "fitment-runner", "--features", "runner"];
    steps.run("runner", |reporter| cargo_build(workspace, &runner, reporter))?;
    let compiler = ["-p", "fitment-runtime", "--bin", "fitment-compiler", "--features", "compiler"];
    steps.run("compiler", |reporter| cargo_build(workspace, &compiler, reporter))
}

/// Runs `cargo build` with `arguments`; the outcome says how many crates had to be compiled.
pub(crate) fn cargo_build(workspace: &Workspace, arguments: &[&str], reporter: &mut Reporter) -> Result<String> {
    let mut words = vec!["build"];
    words.extend(arguments);
    let log = format!("build-{}.log", arguments.last().unwrap_or(&"all"));
    cargo(workspace, &words, &log, reporter)
}

/// Runs cargo in this workspace with progress; the outcome says how many crates had to be compiled.
pub(crate) fn cargo(workspace: &Workspace, arguments: &[&str], log: &str, reporter: &mut Reporter) -> Result<String> {
    let mut command = workspace.cargo();
    let (options, rest) =
        arguments.split_at(arguments.iter().position(|word| *word == "--").unwrap_or(arguments.len()));
    command.args(options);
    if workspace.ci && !options.contains(&"fmt") {
        command.arg("--locked");
    }
    command.args(rest);
    let mut compiled = 0;
    let finished = shell::run(command, &workspace.logs()?.join(log), |line| {
        if let Some(krate) =
            line.trim_start().strip_prefix("Compiling ").or_else(|| line.trim_start().strip_prefix("Checking "))
        {
            compiled += 1;
            reporter.says(&format!("{compiled} crates, now {krate}"));
        }
    })?;
    finished.ok(&format!("cargo {}", arguments.join(" ")))?;
    Ok(match compiled {
        0 => "nothing to do".to_owned(),
        1 => "1 crate".to_owned(),
        _ => format!("{compiled} crates"),
    })
}

/// Builds every accessory with the publisher's own command line into `<target>/accessories`.
fn accessories(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let out = workspace.target.join("accessories");
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut names = Vec::new();
    for folder in workspace.accessories()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        reporter.says(&name);
        let mut build = workspace.command(workspace.program("fitment"));
        build.env("CARGO_TARGET_DIR", &workspace.target).arg("build").arg(&folder).arg("--out").arg(&out);
        if let Some(guest) = machine::guest_cargo(workspace) {
            build.env("CARGO", guest.join("cargo")).env("PATH", first_on_path(guest)?);
        }
        let log = workspace.logs()?.join(format!("accessory-{name}.log"));
        shell::run(build, &log, |line| reporter.says(line))?.ok(&format!("fitment build accessories/{name}"))?;
        names.push(name);
    }
    Ok(names.join(", "))
}

fn first_on_path(folder: PathBuf) -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(folder).chain(env::split_paths(&path))).context("PATH cannot be extended")
}
