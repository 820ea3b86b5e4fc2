//! Takes a safety check out of a copy of the sources and wants the test that holds it to fail. `tests/mutations.toml` lists them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::progress::Reporter;
use crate::shell;
use crate::workspace::Workspace;

/// The list, from the checkout's root.
pub(crate) const FILE: &str = "tests/mutations.toml";
/// How many a run tries that was not told otherwise.
const SAMPLE: usize = 2;

/// One check that is taken out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutation {
    /// What does not hold any more without the check.
    pub(crate) claim: String,
    pub(crate) file: PathBuf,
    /// Stands exactly once in the file.
    pub(crate) find: String,
    pub(crate) replace: String,
    /// The package whose tests are built.
    pub(crate) package: String,
    /// The program that is built anew too, where the test starts it.
    program: Option<String>,
    /// The test that must turn red, by its path in the test program.
    pub(crate) test: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutation: Vec<Mutation>,
}

/// Reads the list and checks that every entry still means something.
pub(crate) fn read(root: &Path) -> Result<Vec<Mutation>> {
    let text = std::fs::read_to_string(root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?;
    let list: List = toml::from_str(&text).with_context(|| format!("{FILE} does not read"))?;
    for mutation in &list.mutation {
        let source = root.join(&mutation.file);
        let text = std::fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        let times = text.matches(&mutation.find).count();
        if times != 1 {
            bail!("{FILE}: {:?} stands {times} times in {}, not once", mutation.find, mutation.file.display());
        }
    }
    Ok(list.mutation)
}

/// Checks only that the list still means something.
pub(crate) fn listed(workspace: &Workspace) -> Result<String> {
    Ok(format!("{} listed, none tried in a quick run", read(&workspace.root)?.len()))
}

/// Tries a sample, or all; the sample changes with the commit. Fails if a test stays green.
pub(crate) fn check(workspace: &Workspace, all: bool, reporter: &mut Reporter) -> Result<String> {
    let list = read(&workspace.root)?;
    let start = workspace.number();
    let count = if all { list.len() } else { SAMPLE.min(list.len()) };
    let copy = Copy::make(workspace)?;
    let mut survived = Vec::new();
    for mutation in list.iter().cycle().skip(start % list.len().max(1)).take(count) {
        reporter.says(&mutation.claim);
        if !copy.turns_red(workspace, mutation)? {
            survived.push(format!(
                "{}: without the check in {} {} stays green",
                mutation.claim,
                mutation.file.display(),
                mutation.test
            ));
        }
    }
    if survived.is_empty() {
        Ok(format!("{count} of {} checks taken out, each test turned red", list.len()))
    } else {
        bail!("{}", survived.join("\n"))
    }
}

/// Returns how cargo is told which program to build: the halves of the sandbox are one crate with a feature each.
fn selection(program: &str) -> Vec<&str> {
    match program.strip_prefix("fitment-") {
        Some(half @ ("runner" | "compiler")) => vec!["-p", "fitment-runtime", "--bin", program, "--features", half],
        _ => vec!["-p", program],
    }
}

/// A copy of the sources with a target folder of its own, in which dependencies are links to what is built already.
struct Copy {
    root: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target.join("mutations");
        let (root, target) = (folder.join("sources"), folder.join("target"));
        let script = r#"
            set -e
            rm -rf "$ROOT"; mkdir -p "$ROOT" "$TARGET/debug"
            git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$ROOT" 2>/dev/null || true
            for part in deps .fingerprint build; do
                [ -d "$FROM/debug/$part" ] || continue
                mkdir -p "$TARGET/debug/$part"
                ( cd "$FROM/debug/$part" && for entry in *; do
                    case "$entry" in *fitment*|it-*|*.d) continue ;; esac
                    [ -e "$TARGET/debug/$part/$entry" ] || cp -al "$entry" "$TARGET/debug/$part/"
                  done )
            done
        "#;
        let mut command = workspace.command("bash");
        command.args(["-c", script]).env("ROOT", &root).env("TARGET", &target).env("FROM", &workspace.target);
        shell::run(command, &workspace.logs()?.join("mutations-copy.log"), |_| {})?.ok("copying the sources")?;
        Ok(Self { root, target })
    }

    /// Returns whether the test fails without the check. The sources are put back whatever happens.
    fn turns_red(&self, workspace: &Workspace, mutation: &Mutation) -> Result<bool> {
        let file = self.root.join(&mutation.file);
        let text = std::fs::read_to_string(&file)?;
        std::fs::write(&file, text.replacen(&mutation.find, &mutation.replace, 1))?;
        let red = self.run(workspace, mutation);
        std::fs::write(&file, text)?;
        red
    }

    fn run(&self, workspace: &Workspace, mutation: &Mutation) -> Result<bool> {
        let log = |what: &str| Ok::<_, anyhow::Error>(workspace.logs()?.join(format!("mutations-{what}.log")));
        let mut build = self.cargo(workspace);
        build.args(["test", "--no-run", "-p", &mutation.package]);
        shell::run(build, &log("build")?, |_| {})?.ok("building the tests without the check")?;
        if let Some(program) = &mutation.program {
            let mut build = self.cargo(workspace);
            build.arg("build").args(selection(program));
            shell::run(build, &log("program")?, |_| {})?.ok("building the program without the check")?;
        }
        let mut test = self.cargo(workspace);
        test.env("FITMENT_PROGRAMS", self.programs(workspace, mutation.program.as_deref())?);
        test.args(["test", "-p", &mutation.package, "--", "--exact", &mutation.test, "--test-threads", "1"]);
        let (mut ran, mut passed) = (false, false);
        shell::run(test, &log("test")?, |line| {
            ran |= line.starts_with(&format!("test {} ...", mutation.test));
            passed |= line == format!("test {} ... ok", mutation.test);
        })?;
        if !ran {
            bail!("{FILE}: there is no test {} in {}", mutation.test, mutation.package);
        }
        Ok(!passed)
    }

    /// Lays out the programs that tests start: those of the workspace, and the one without the check in the place of its own.
    fn programs(&self, workspace: &Workspace, changed: Option<&str>) -> Result<PathBuf> {
        let folder = self.root.with_file_name("programs").join("bin");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        for name in
            ["fitment", "fitment-server", "fitment-agent", "fitment-broker", "fitment-runner", "fitment-compiler"]
        {
            let here =
                if changed == Some(name) { self.target.join("debug").join(name) } else { workspace.program(name) };
            if here.exists() {
                // No symbolic link: programs look for each other beside where they lie.
                std::fs::hard_link(&here, folder.join(name))
                    .or_else(|_| std::fs::copy(&here, folder.join(name)).map(|_| ()))?;
            }
        }
        let accessories = folder.with_file_name("accessories");
        if !accessories.exists() {
            std::os::unix::fs::symlink(workspace.target.join("accessories"), &accessories)?;
        }
        Ok(folder)
    }

    fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = workspace.cargo();
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        command
    }
}
