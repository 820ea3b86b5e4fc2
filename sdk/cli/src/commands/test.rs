//! `fitment test`

use std::path::{Path, PathBuf};

use fitment_domain::budget::Usage;
use fitment_runner_client::ComponentRef;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::package_files::{self, PackageFiles};
use crate::project::Project;
use crate::testing::fixture::Fixture;
use crate::testing::simulator::Simulator;
use crate::testing::snapshot;
use crate::{files, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The accessory's folder, which holds fitment.toml and tests/
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// The component to run [default: what `fitment build` wrote for the current version]
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Only the cases whose name or file contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write the answers of now as the ones to compare with
    #[arg(long)]
    accept: bool,
}

/// How one case went.
struct Outcome {
    name: String,
    usage: Usage,
    /// Empty: it passed.
    problem: String,
}

/// Runs the component against every simulated device of `tests/`, and compares the answers with the accepted ones.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let project = Project::read(&arguments.dir)?;
    let path = match &arguments.component {
        Some(path) => path.clone(),
        None => {
            let path = package_files::built(&arguments.dir, &project.manifest)?;
            package_files::check_built_from(&arguments.dir, &path)?;
            path
        }
    };
    let tests = arguments.dir.join("tests");
    let mut fixtures = Fixture::read_all(&tests)?;
    if fixtures.is_empty() {
        return Err(Failure::environment(format!(
            "there is no case in {}: write one such as first.toml, with the readings of a device",
            tests.display()
        )));
    }
    if let Some(only) = &arguments.only {
        let names = fixtures.iter().map(|fixture| fixture.name.clone()).collect::<Vec<_>>().join("; ");
        fixtures.retain(|fixture| fixture.name.contains(only) || fixture.path.to_string_lossy().contains(only));
        if fixtures.is_empty() {
            return Err(Failure::environment(format!("no case is called something with {only:?}; there are: {names}")));
        }
    }
    let files = PackageFiles::read(&path)?;
    if files.package.manifest != project.manifest {
        eprintln!("warning: fitment.toml has changed since {} was built: build again", path.display());
    }
    let cache = path.parent().unwrap_or(Path::new(".")).join(format!(".test-cache-{}", std::process::id()));
    let component = ComponentRef { digest: files.package.digest, bytes: files.component.into() };
    let outcomes = run_all(component, files.package.manifest, &cache, &fixtures, arguments.accept).await;
    // Compiled code under a key that is gone is worth nothing.
    let _ = std::fs::remove_dir_all(&cache);
    report(context, &outcomes?)
}

async fn run_all(
    component: ComponentRef,
    manifest: fitment_domain::manifest::Manifest,
    cache: &Path,
    fixtures: &[Fixture],
    accept: bool,
) -> Result<Vec<Outcome>, Failure> {
    let simulator = Simulator::start(component, manifest, cache).await?;
    let mut outcomes = Vec::new();
    for fixture in fixtures {
        let (report, heard) = simulator.run(fixture).await?;
        let mut problem = compare(&snapshot::path(&fixture.path), &snapshot::render(&report, &heard)?, accept)?;
        for exceeded in fixture.cost.exceeded(&report.usage) {
            problem.push_str(&format!("  {exceeded}\n"));
        }
        outcomes.push(Outcome { name: fixture.name.clone(), usage: report.usage, problem });
    }
    Ok(outcomes)
}

/// Returns what is wrong with an answer; empty if nothing is.
fn compare(path: &Path, answer: &str, accept: bool) -> Result<String, Failure> {
    if accept {
        files::write(path, answer.as_bytes())?;
        return Ok(String::new());
    }
    Ok(match snapshot::read(path)? {
        Some(accepted) if accepted == answer => String::new(),
        Some(accepted) => format!("  {} says otherwise:\n{}", path.display(), snapshot::difference(&accepted, answer)),
        None => format!("  there is no {} yet; the answer is\n{}", path.display(), snapshot::difference("", answer)),
    })
}

fn report(context: &Context, outcomes: &[Outcome]) -> Result<(), Failure> {
    if context.json {
        let rows: Vec<Value> = outcomes
            .iter()
            .map(|o| json!({ "name": o.name, "passed": o.problem.is_empty(), "problem": o.problem, "usage": o.usage }))
            .collect();
        table::json(&json!({ "cases": rows }));
    } else {
        for outcome in outcomes {
            let word = if outcome.problem.is_empty() { "ok    " } else { "FAILED" };
            table::line(format!("{word} {}  ({})", table::clean(&outcome.name), cost(&outcome.usage)));
            if !outcome.problem.is_empty() {
                table::line(outcome.problem.trim_end());
            }
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.problem.is_empty()).count();
    match failed {
        0 => Ok(()),
        _ => Err(Failure::refused(format!(
            "{failed} of {} cases failed; if the new answers are right, `fitment test --accept` keeps them",
            outcomes.len()
        ))),
    }
}

fn cost(usage: &Usage) -> String {
    format!(
        "fuel {}, memory {} KiB, {:.1} ms, {} host calls, result {} bytes",
        usage.fuel,
        usage.memory_bytes_peak / 1024,
        usage.wall_us as f64 / 1000.0,
        usage.host_calls,
        usage.result_bytes
    )
}
