//! `cargo measure`: the figures that the documentation states, taken on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine::{self, Thing};
use crate::progress::Steps;
use crate::workspace::Workspace;
use crate::{programs, shell};

/// The program that takes the figures, of whichever package declares it.
const BENCH: &str = "fitment-bench";
/// The programs of the runtime, each with its feature: cargo unites the features of what one call builds.
const RUNTIME: [(&str, &str); 3] =
    [("fitment-runner", "runner"), ("fitment-compiler", "compiler"), ("fitment-bare", "bare")];

/// What `cargo measure` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// A fresh run through runner and client, beside bare wasmtime on the same bytes and host functions
    Sandbox {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// Compiling a component at the level that is shipped and at none, and its fresh runs after each
    Compile {
        /// A component; `load` of the catalogue unless one is named
        #[arg(long, value_name = "FILE")]
        component: Option<PathBuf>,
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// From starting the server on SQLite until it is ready
    Start {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// What a sample costs on disk and to write, beside one row per sample, on SQLite
    Series {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// What the agent's processes take of memory, running everything of the catalogue
    Agent {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// From `fitment new` to the first finding on a device, with nothing compiled before
    Author {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
    /// The server's own time for each page of the console, on SQLite with 500 devices
    Pages {
        /// End with one line of keys and numbers
        #[arg(long)]
        json: bool,
    },
}

/// Builds what is measured and the benchmark, and lets it run.
pub(crate) fn command(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let Some(package) = package_of(workspace, BENCH)? else {
        bail!("no package of this workspace builds {BENCH}");
    };
    let things = [Thing::CCompiler, Thing::WasmTarget];
    match &arguments.what {
        What::Compile { component, json } => compile(workspace, &package, component.as_deref(), *json),
        What::Sandbox { json } => {
            let things = [Thing::CCompiler, Thing::WasmTarget, Thing::Plugins];
            let mut steps = Steps::new(things.len() + programs::STEPS + RUNTIME.len() + 1);
            machine::prepare(&mut steps, workspace, &things)?;
            programs::build(&mut steps, workspace)?;
            release(&mut steps, workspace, &package)?;
            sandbox(workspace, *json)
        }
        What::Start { json } => {
            let mut steps = Steps::new(things.len() + programs::STEPS + 1);
            machine::prepare(&mut steps, workspace, &things)?;
            programs::build(&mut steps, workspace)?;
            let words = ["-p", &package, "--bin", BENCH];
            steps.run(BENCH, |reporter| programs::cargo_build(workspace, &words, reporter))?;
            start(workspace, *json)
        }
        What::Series { json } => {
            let mut steps = Steps::new(2);
            machine::prepare(&mut steps, workspace, &[Thing::CCompiler])?;
            let words = ["--release", "-p", &package, "--bin", BENCH];
            steps.run(&format!("{BENCH}, release"), |reporter| programs::cargo_build(workspace, &words, reporter))?;
            let mut bench = workspace.command(workspace.target.join("release").join(BENCH));
            bench.arg("series");
            figures(workspace, bench, "measure-series.log", "release", *json)
        }
        What::Pages { json } => platform(workspace, &package, "pages", *json),
        What::Agent { json } => platform(workspace, &package, "agent", *json),
        What::Author { json } => platform(workspace, &package, "author", *json),
    }
}

/// Measures compiling by the benchmark's own peer: the compiler that is shipped has one level.
fn compile(workspace: &Workspace, package: &str, component: Option<&Path>, json: bool) -> Result<()> {
    let things = [Thing::CCompiler, Thing::WasmTarget];
    let mut steps = Steps::new(things.len() + programs::STEPS + 2);
    machine::prepare(&mut steps, workspace, &things)?;
    programs::build(&mut steps, workspace)?;
    let words = ["--release", "-p", "fitment-runtime", "--bin", "fitment-bare", "--features", "bare"];
    steps.run("fitment-bare, release", |reporter| programs::cargo_build(workspace, &words, reporter))?;
    let words = ["--release", "-p", package, "--bin", BENCH];
    steps.run(&format!("{BENCH}, release"), |reporter| programs::cargo_build(workspace, &words, reporter))?;
    let load = workspace.target.join("accessories/fitment-load-0.1.0.wasm");
    let programs = workspace.target.join("release");
    let mut bench = workspace.command(programs.join(BENCH));
    bench.arg("compile").arg("--programs").arg(&programs).arg("--component").arg(component.unwrap_or(&load));
    figures(workspace, bench, "measure-compile.log", "release", json)
}

/// Builds the two halves of the sandbox, the peer and the benchmark as they are shipped: with `--release`.
fn release(steps: &mut Steps, workspace: &Workspace, package: &str) -> Result<()> {
    for (name, feature) in RUNTIME {
        let words = ["--release", "-p", "fitment-runtime", "--bin", name, "--features", feature];
        steps.run(&format!("{name}, release"), |reporter| programs::cargo_build(workspace, &words, reporter))?;
    }
    let words = ["--release", "-p", package, "--bin", BENCH];
    steps.run(&format!("{BENCH}, release"), |reporter| programs::cargo_build(workspace, &words, reporter))
}

fn sandbox(workspace: &Workspace, json: bool) -> Result<()> {
    let mut bench = workspace.command(workspace.target.join("release").join(BENCH));
    bench.arg("sandbox").arg("--accessories").arg(workspace.target.join("accessories"));
    figures(workspace, bench, "measure-sandbox.log", "release", json)
}

fn start(workspace: &Workspace, json: bool) -> Result<()> {
    let mut bench = workspace.command(workspace.program(BENCH));
    bench.arg("start").arg("--server").arg(workspace.program("fitment-server"));
    figures(workspace, bench, "measure-start.log", "dev", json)
}

/// What needs a whole platform is measured by the tests' own, devices and browser, on programs as they are shipped.
fn platform(workspace: &Workspace, package: &str, what: &str, json: bool) -> Result<()> {
    let things = [Thing::CCompiler, Thing::WasmTarget];
    let mut steps = Steps::new(things.len() + programs::STEPS + RUNTIME.len());
    machine::prepare(&mut steps, workspace, &things)?;
    programs::build(&mut steps, workspace)?;
    let words = ["--release", "-p", "fitment-server", "-p", "fitment-agent", "-p", "fitment-cli"];
    steps.run("programs, release", |reporter| programs::cargo_build(workspace, &words, reporter))?;
    for (name, feature) in RUNTIME.into_iter().filter(|(name, _)| *name != "fitment-bare") {
        let words = ["--release", "-p", "fitment-runtime", "--bin", name, "--features", feature];
        steps.run(&format!("{name}, release"), |reporter| programs::cargo_build(workspace, &words, reporter))?;
    }
    let mut bench = workspace.cargo();
    bench.env("FITMENT_PROGRAMS", workspace.target.join("release"));
    bench.args(["test", "--quiet", "-p", package, "--features", "measures", "--test", "it"]);
    bench.args(["--", &format!("measures::{what}::{what}"), "--exact", "--nocapture"]);
    figures(workspace, bench, &format!("measure-{what}.log"), "release", json)
}

/// Runs the benchmark; it prints its table and N, and ends with one line of JSON, to which commit and profile are added here.
fn figures(workspace: &Workspace, bench: Command, log: &str, profile: &str, json: bool) -> Result<()> {
    let mut last = String::new();
    let finished = shell::run(bench, &workspace.logs()?.join(log), |line| {
        if line.starts_with('{') {
            line.clone_into(&mut last);
        } else {
            println!("{line}");
        }
    })?;
    finished.ok(BENCH)?;
    let mut figures: Value =
        serde_json::from_str(&last).with_context(|| format!("{BENCH} did not end with a line of JSON"))?;
    let commit = workspace.commit();
    println!("commit {commit}, profile {profile}");
    if let Some(object) = figures.as_object_mut().filter(|_| json) {
        object.insert("commit".to_owned(), Value::String(commit));
        object.insert("profile".to_owned(), Value::String(profile.to_owned()));
        println!("{figures}");
    }
    Ok(())
}

/// Finds the package that declares a program of this name.
fn package_of(workspace: &Workspace, program: &str) -> Result<Option<String>> {
    let output = workspace
        .cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    let builds = |package: &&Value| {
        let targets = package["targets"].as_array().into_iter().flatten();
        targets.into_iter().any(|target| target["name"] == program && target["kind"][0] == "bin")
    };
    Ok(packages.iter().find(builds).and_then(|package| package["name"].as_str()).map(str::to_owned))
}
