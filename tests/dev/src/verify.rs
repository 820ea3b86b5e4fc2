//! `cargo verify`: every check there is, and what the passing tests prove.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::machine::{self, Thing};
use crate::programs::{self, cargo};
use crate::progress::{Reporter, Steps};
use crate::requirements::{self, Requirement};
use crate::suite::Results;
use crate::workspace::{Workspace, shown};
use crate::{claims, deep, deny, mutations};

/// What all crates but the runtime are built with, in one selection: another one would build shared crates anew.
const MOST: [&str; 3] = ["--workspace", "--exclude", "fitment-runtime"];
/// The runtime's programs, each with the features of its own.
const RUNTIME: [(&str, &str); 3] =
    [("fitment-runner", "runner"), ("fitment-compiler", "compiler"), ("fitment-bare", "bare")];
/// Formatting, tests to build, unit tests, documentation, stories, runtime, claims, checks taken out, cargo-deny,
/// clippy.
const CHECKS: usize = 10;

/// What `cargo verify` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leave out what needs servers or systems from apt: PostgreSQL, Request Tracker, devices
    #[arg(long)]
    quick: bool,
    /// Take every safety check of tests/mutations.toml out, not only a sample, and do nothing else
    #[arg(long)]
    mutations: bool,
    /// Feed every fuzz target for so many seconds, and do nothing else
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    fuzz: Option<u64>,
    /// Make so many components with wasm-smith, run those that pass the gate, and do nothing else
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "10000")]
    smith: Option<u64>,
}

/// Runs all checks; the answer is whether all of them passed.
pub(crate) fn command(workspace: &Workspace, arguments: &Arguments) -> Result<bool> {
    if arguments.mutations {
        let mut steps = Steps::new(1);
        let tried = steps.run("checks taken out", |reporter| mutations::check(workspace, true, reporter));
        return Ok(tried.is_ok());
    }
    if let Some(seconds) = arguments.fuzz {
        return deep::fuzz(workspace, seconds);
    }
    if let Some(count) = arguments.smith {
        return deep::smith(workspace, count);
    }
    let quick = arguments.quick;
    let mut things = vec![Thing::CCompiler, Thing::WasmTarget, Thing::CargoDeny];
    if !quick {
        things.extend([Thing::PostgreSql, Thing::RequestTracker, Thing::Devices, Thing::Chromium]);
    }
    let mut steps = Steps::new(things.len() + programs::STEPS + CHECKS);
    machine::prepare(&mut steps, workspace, &things)?;

    // A step that failed is in `steps.failed`; what does not build on it is run all the same.
    let _ = steps.run("formatting", |reporter| cargo(workspace, &["fmt", "--all", "--check"], "fmt.log", reporter));
    let mut results = Results::default();
    tests(&mut steps, workspace, quick, &mut results);
    let mut table = requirements::read(workspace)?;
    let _ = steps.run("claims", |_| check_claims(workspace, quick, &results, &mut table));
    let _ = steps.run("checks taken out", |reporter| match quick {
        true => mutations::listed(workspace),
        false => mutations::check(workspace, false, reporter),
    });
    let _ = steps.run("dependencies", |reporter| deny::check(workspace, reporter));
    let _ = steps.run("clippy", |reporter| clippy(workspace, reporter));
    report(workspace, quick, &steps, &results, &table)
}

/// Builds everything and runs every test that may run here.
fn tests(steps: &mut Steps, workspace: &Workspace, quick: bool, results: &mut Results) {
    let mut build: Vec<&str> = vec!["test", "--no-run"];
    build.extend(MOST);
    let built = programs::build(steps, workspace)
        .and_then(|()| steps.run("tests to run", |reporter| cargo(workspace, &build, "build-tests.log", reporter)));
    if built.is_err() {
        for name in ["unit tests", "documentation", "stories", "runtime's unit tests"] {
            steps.not_run(name, "not everything is built");
        }
        return;
    }
    let with = |words: &[&'static str]| [&MOST[..], words].concat();
    let _ = steps
        .run("unit tests", |reporter| results.run(workspace, &with(&["--lib", "--bins"]), "unit.log", quick, reporter));
    let _ =
        steps.run("documentation", |reporter| results.run(workspace, &with(&["--doc"]), "doc.log", quick, reporter));
    let stories: &[&str] = if quick { &["--test", "it", "--", "--skip", "real::"] } else { &["--test", "it"] };
    let _ = steps.run("stories", |reporter| results.run(workspace, &with(stories), "stories.log", quick, reporter));
    let _ = steps.run("runtime's unit tests", |reporter| runtime_tests(workspace, quick, results, reporter));
}

/// Runs the runtime's own tests, where it has any: it is built once per program, each with other features.
fn runtime_tests(workspace: &Workspace, quick: bool, results: &mut Results, reporter: &mut Reporter) -> Result<String> {
    if !holds_tests(&workspace.root.join("platform/runtime/src"))? {
        return Ok("none".to_owned());
    }
    let mut outcomes = Vec::new();
    for (program, feature) in RUNTIME {
        let words = ["-p", "fitment-runtime", "--features", feature, "--lib", "--bin", program];
        outcomes.push(format!(
            "{feature}: {}",
            results.run(workspace, &words, &format!("runtime-{feature}.log"), quick, reporter)?
        ));
    }
    Ok(outcomes.join("; "))
}

fn holds_tests(folder: &Path) -> Result<bool> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let found = if path.is_dir() {
            holds_tests(&path)?
        } else {
            std::fs::read_to_string(&path).is_ok_and(|text| text.contains("test]"))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Matches claims with passed tests; a full run must prove what the document states.
fn check_claims(workspace: &Workspace, quick: bool, results: &Results, table: &mut [Requirement]) -> Result<String> {
    let claims = claims::read(workspace)?;
    let mut mistakes = requirements::prove(table, &claims, results);
    let broken = table.iter().filter(|requirement| !quick && !requirement.unproved().is_empty());
    mistakes.extend(broken.map(|row| {
        format!(
            "{}: {} states {} as {}; no test that passed claims: {}",
            row.id,
            requirements::FILE,
            row.name,
            row.stated,
            row.unproved().join(", ")
        )
    }));
    if !mistakes.is_empty() {
        bail!("{}", mistakes.join("\n"));
    }
    let silent = claims.all.iter().filter(|claim| !results.passed.iter().any(|test| claim.covers(test))).count();
    Ok(format!("{}, of which {silent} above tests that did not run or did not pass", claims.all.len()))
}

fn clippy(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let strict = ["--", "-D", "warnings"];
    let most = [&["clippy"][..], &MOST, &["--all-targets"], &strict].concat();
    let mut outcome = cargo(workspace, &most, "clippy.log", reporter)?;
    for (program, feature) in RUNTIME {
        let words =
            [&["clippy", "-p", "fitment-runtime", "--features", feature, "--lib", "--bin", program][..], &strict]
                .concat();
        outcome =
            format!("{outcome}; {feature}: {}", cargo(workspace, &words, &format!("clippy-{feature}.log"), reporter)?);
    }
    Ok(outcome)
}

/// Prints the end of the run and writes the JSON file.
fn report(workspace: &Workspace, quick: bool, steps: &Steps, results: &Results, table: &[Requirement]) -> Result<bool> {
    println!("\nRequirements, and the tests that ran and passed for them");
    requirements::print(table);
    println!("\n{}", deny::advisories(workspace)?);
    for (test, reason) in &results.skipped {
        println!("skipped: {}: {} ({reason})", test.program, test.path);
    }
    let skips_fail = workspace.ci && !results.skipped.is_empty();
    if skips_fail {
        println!("in CI a skipped test is a failure");
    }
    // A failed step without a failed test is a failure of its own.
    let test_steps = ["unit tests", "documentation", "stories", "runtime's unit tests"];
    let named = |step: &&String| !results.failed.is_empty() && test_steps.contains(&step.as_str());
    let failed = results.failed.len() + steps.failed.iter().filter(|step| !named(step)).count();
    for step in &steps.failed {
        println!("failed: {step}");
    }
    let file = workspace.target.join("requirements.json");
    let summary = json!({
        "commit": workspace.commit(), "quick": quick, "ci": workspace.ci,
        "passed": results.passed.len(), "failed": failed, "skipped": results.skipped.len(),
        "failed_steps": steps.failed, "requirements": table,
    });
    std::fs::write(&file, format!("{summary:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    println!("written to {}", shown(workspace, &file));
    println!("{} passed, {failed} failed, {} skipped", results.passed.len(), results.skipped.len());
    Ok(failed == 0 && !skips_fail)
}
