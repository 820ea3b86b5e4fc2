//! `cargo verify --fuzz` and `cargo verify --smith`: what every run tries a slice of, for longer.

use anyhow::Result;

use crate::programs;
use crate::progress::Steps;
use crate::shell;
use crate::workspace::Workspace;

/// Feeds every fuzz target for so many seconds.
pub(crate) fn fuzz(workspace: &Workspace, seconds: u64) -> Result<bool> {
    run(workspace, "fuzz targets", "hostile::fuzz", &[("FITMENT_FUZZ_SECONDS", seconds)])
}

/// Makes so many components, and has those that pass the gate run.
pub(crate) fn smith(workspace: &Workspace, count: u64) -> Result<bool> {
    run(workspace, "components of wasm-smith", "hostile::smith", &[("FITMENT_SMITH_COUNT", count)])
}

fn run(workspace: &Workspace, name: &str, tests: &str, settings: &[(&str, u64)]) -> Result<bool> {
    let mut steps = Steps::new(3);
    programs::sandbox(&mut steps, workspace)?;
    let mut said = Vec::new();
    let done = steps.run(name, |reporter| {
        let mut command = workspace.cargo();
        command.args(["test", "-p", "fitment-tests", "--test", "it", "--", tests, "--nocapture"]);
        for (setting, value) in settings {
            command.env(setting, value.to_string());
        }
        let log = workspace.logs()?.join("deep.log");
        let finished = shell::run(command, &log, |line| {
            reporter.says(line);
            said.push(line.to_owned());
        })?;
        finished.ok(name)?;
        Ok(log.display().to_string())
    });
    // What a target or the table of ends says; the rest is in the log.
    let figures =
        said.iter().filter(|line| line.contains(" inputs, ") || line.contains("components from") || counts(line));
    figures.for_each(|line| println!("{line}"));
    Ok(done.is_ok())
}

/// Returns whether a line is a row of a table: a number, two spaces, words.
fn counts(line: &str) -> bool {
    line.trim_start().split_once("  ").is_some_and(|(number, words)| number.parse::<u64>().is_ok() && !words.is_empty())
}
