//! What can be said of a release before the marketplace sees it. The marketplace asks the same rules, and decides.

use std::env;

use fitment_domain::manifest::Manifest;
use fitment_domain::release::Listing;
use fitment_domain::validation::{Inspection, Problem, rules};
use fitment_runner_client::Compiler;

use crate::failure::Failure;

/// Judges what the author wrote.
pub fn of_texts(manifest: &Manifest, listing: &Listing) -> Vec<Problem> {
    let mut problems = rules::of_manifest(manifest);
    problems.extend(rules::of_listing(listing));
    problems
}

/// Has the component looked at by the inspector.
pub async fn inspect(component: &[u8]) -> Result<Inspection, Failure> {
    Ok(compiler("inspected")?.inspect(component).await)
}

/// Returns the compiler, which lies beside this program.
pub fn compiler(to_be: &str) -> Result<Compiler, Failure> {
    let this = env::current_exe()
        .map_err(|e| Failure::environment(format!("this program does not know where it lies: {e}")))?;
    let program = this.with_file_name(format!("fitment-compiler{}", env::consts::EXE_SUFFIX));
    if !program.exists() {
        return Err(Failure::environment(format!(
            "the component cannot be {to_be}: there is no {}. Install it beside this program",
            program.display()
        )));
    }
    Ok(Compiler::new(program))
}
