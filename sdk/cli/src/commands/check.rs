//! `fitment check`

use std::path::PathBuf;

use fitment_domain::validation::{Problem, Report, Severity};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, problem_lines};
use crate::package_files::PackageFiles;
use crate::project::Project;
use crate::{rules, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component that `fitment build` wrote, or an accessory's folder: there only the texts are checked
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
}

/// Says on this machine what the marketplace would say.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.path;
    let report = if path.is_dir() {
        let project = Project::read(path)?;
        Report { problems: rules::of_texts(&project.manifest, &project.listing) }
    } else {
        let files = PackageFiles::read(path)?;
        Report { problems: of_package(&files).await? }
    };
    let name = path.display();
    if context.json {
        table::json(&json!({ "accepts": report.accepts(), "problems": report.problems }));
    } else {
        print(&report.problems);
    }
    let errors = report.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    match errors {
        0 if path.is_dir() => eprintln!("{name}: the texts are in order; check the .wasm file once it is built"),
        0 => eprintln!("{name}: in order"),
        1 => return Err(Failure::refused(format!("{name} would be refused: 1 error"))),
        _ => return Err(Failure::refused(format!("{name} would be refused: {errors} errors"))),
    }
    Ok(())
}

/// Returns everything that can be said of a package here.
pub async fn of_package(files: &PackageFiles) -> Result<Vec<Problem>, Failure> {
    let manifest = &files.package.manifest;
    let mut problems = rules::of_texts(manifest, &files.listing);
    let inspection = rules::inspect(&files.component).await?;
    problems.extend(fitment_domain::validation::rules::of_component(manifest, &inspection));
    Ok(problems)
}

/// Prints findings, the worst first.
pub fn print(problems: &[Problem]) {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    for problem in sorted {
        table::line(problem_lines(problem));
    }
}
