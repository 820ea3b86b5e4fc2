//! `fitment check`

use std::path::{Path, PathBuf};

use fitment_domain::validation::{Problem, Report, Severity};
use serde_json::json;

use crate::context::Context;
use crate::failure::{Failure, problem_lines};
use crate::package_files::{self, PackageFiles};
use crate::project::Project;
use crate::{rules, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An accessory's folder, or a component that `fitment build` wrote
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    path: PathBuf,
}

/// Says on this machine what the marketplace would say.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let path = &arguments.path;
    let (problems, lines, built) = if path.is_dir() { of_folder(path).await? } else { of_file(path).await? };
    let report = Report { problems };
    let name = path.display();
    if context.json {
        table::json(&json!({ "accepts": report.accepts(), "problems": report.problems }));
    } else {
        lines.iter().for_each(table::line);
    }
    let errors = report.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    match errors {
        0 if !built => {
            eprintln!("{name}: the texts are in order; `fitment build` makes the component that is checked next")
        }
        0 => eprintln!("{name}: in order"),
        1 => return Err(Failure::refused(format!("{name} would be refused: 1 error"))),
        _ => return Err(Failure::refused(format!("{name} would be refused: {errors} errors"))),
    }
    Ok(())
}

/// What was found, how it is shown, and whether there was a component to look at.
type Checked = (Vec<Problem>, Vec<String>, bool);

async fn of_file(path: &Path) -> Result<Checked, Failure> {
    let problems = sorted(of_package(&PackageFiles::read(path)?).await?);
    let lines = problems.iter().map(problem_lines).collect();
    Ok((problems, lines, true))
}

/// The texts as they are now, and the component if it was built from them.
async fn of_folder(folder: &Path) -> Result<Checked, Failure> {
    let project = Project::read(folder)?;
    let mut problems = rules::of_texts(&project.manifest, &project.listing);
    let built = package_files::built(folder, &project.manifest).ok();
    if let Some(path) = &built {
        let files = PackageFiles::read(path)?;
        if files.package.manifest != project.manifest {
            eprintln!("warning: fitment.toml has changed since {} was built: build again", path.display());
        }
        if let Some(source) = package_files::newer_source(folder, path) {
            eprintln!("warning: {} has changed since {} was built: build again", source.display(), path.display());
        }
        let inspection = rules::inspect(&files.component).await?;
        problems.extend(fitment_domain::validation::rules::of_component(&project.manifest, &inspection));
    }
    let problems = sorted(problems);
    let lines = problems.iter().map(|problem| project.lines(problem)).collect();
    Ok((problems, lines, built.is_some()))
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
    for problem in sorted(problems.to_vec()) {
        table::line(problem_lines(&problem));
    }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems
}
