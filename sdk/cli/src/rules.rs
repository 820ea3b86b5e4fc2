//! What can be said of a release before the marketplace sees it. The marketplace says the same, and decides.

use std::env;

use fitment_domain::capability::Permission;
use fitment_domain::installation::check_schema;
use fitment_domain::manifest::{MANIFEST_BYTES_MAX, Manifest};
use fitment_domain::release::{LISTING_BYTES_MAX, Listing};
use fitment_domain::validation::{Inspection, Problem, Severity};
use fitment_runner_client::Compiler;

use crate::failure::Failure;

/// Judges what the author wrote.
pub fn of_texts(manifest: &Manifest, listing: &Listing) -> Vec<Problem> {
    let change = "change it in fitment.toml and build again";
    let mut problems: Vec<Problem> = manifest
        .problems()
        .into_iter()
        .map(|problem| Problem::error("manifest", problem.to_string(), change))
        .collect();
    if let Err(bad) = check_schema(&manifest.config_schema) {
        problems.push(Problem::error(
            "config-schema",
            bad.to_string(),
            "correct the file that config.schema names; a schema refers to no other document",
        ));
    }
    for (field, problem) in listing.problems() {
        problems.push(Problem::error("listing", format!("{field} {problem}"), "complete it and build again"));
    }
    let sizes = [("manifest", size(manifest), MANIFEST_BYTES_MAX), ("listing", size(listing), LISTING_BYTES_MAX)];
    for (rule, bytes, max) in sizes.into_iter().filter(|(_, bytes, max)| bytes > max) {
        problems.push(Problem::error(
            rule,
            format!("the {rule} has {bytes} bytes, at most {max} are accepted"),
            "shorten it",
        ));
    }
    problems
}

fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

/// Judges the component by what the inspector saw in it.
pub fn of_component(manifest: &Manifest, inspection: &Inspection) -> Vec<Problem> {
    let mut problems = inspection.problems.clone();
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        // The rest would follow from what was not understood.
        return problems;
    }
    if let Ok(kind) = manifest.kind()
        && !inspection.worlds.iter().any(|world| world == kind.as_str())
    {
        let fits = if inspection.worlds.is_empty() { "none".to_owned() } else { inspection.worlds.join(", ") };
        let message = format!("accessory.kind is {}, the component fits these worlds: {fits}", kind.as_str());
        problems.push(Problem::error(
            "wrong-world",
            message,
            "export what the world asks and import nothing that it does not have",
        ));
    }
    let Ok(asked) = manifest.asked() else { return problems };
    for permission in [Permission::Metrics, Permission::Http] {
        let imported = inspection.imports.iter().any(|import| import == permission.interface());
        let (name, interface) = (permission.name(), permission.interface());
        if imported && !asked.has(permission) {
            let message = format!("the component imports {interface}, which no permission in the manifest opens");
            problems.push(Problem::error(
                "import-without-permission",
                message,
                format!("add a [[permission]] {name} with a reason, or remove the call"),
            ));
        }
        if !imported && asked.has(permission) {
            let message = format!("permission {name} is asked, but the component never uses it");
            problems.push(Problem::warning(
                "dead-permission",
                message,
                "remove the [[permission]]: people refuse what they cannot explain",
            ));
        }
    }
    problems
}

/// Has the component looked at by the inspector, which lies beside this program.
pub async fn inspect(component: &[u8]) -> Result<Inspection, Failure> {
    let this = env::current_exe()
        .map_err(|e| Failure::environment(format!("this program does not know where it lies: {e}")))?;
    let program = this.with_file_name(format!("fitment-compiler{}", env::consts::EXE_SUFFIX));
    if !program.exists() {
        return Err(Failure::environment(format!(
            "the component cannot be inspected: there is no {}. Install it beside this program",
            program.display()
        )));
    }
    Ok(Compiler::new(program).inspect(component).await)
}
