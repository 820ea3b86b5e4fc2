//! The rules that a marketplace and an author's own machine ask alike. Each answers with findings, never with a bare no.

use super::{Inspection, Problem, Severity};
use crate::capability::{BadPermission, Grants, Permission};
use crate::installation::check_schema;
use crate::manifest::{BadManifest, MANIFEST_BYTES_MAX, Manifest};
use crate::package::BadPackage;
use crate::release::{LISTING_BYTES_MAX, Listing};

/// Interfaces that every accessory may import without asking.
const FREE: &[&str] = &["run-context", "logging", "clock", "device", "types", "ticketing-types", "script-host"];

/// Judges what the author wrote about the accessory.
pub fn of_manifest(manifest: &Manifest) -> Vec<Problem> {
    let mut problems: Vec<Problem> = manifest.problems().iter().map(manifest_problem).collect();
    if let Err(bad) = check_schema("config", &manifest.config_schema) {
        let remedy = "mend the JSON Schema that [config] schema names; it refers to no other document";
        problems.push(Problem::error("config-schema", bad.to_string(), remedy));
    }
    if let Some(Err(bad)) = manifest.parameters_schema.as_ref().map(|schema| check_schema("parameters", schema)) {
        let remedy = "mend the JSON Schema that [parameters] schema names; it refers to no other document";
        problems.push(Problem::error("parameters-schema", bad.to_string(), remedy));
    }
    too_large("manifest", manifest, MANIFEST_BYTES_MAX, &mut problems);
    problems
}

/// Judges what the author wrote for people.
pub fn of_listing(listing: &Listing) -> Vec<Problem> {
    let mend = "mend fitment.toml or the file beside it, and build again";
    let one = |(field, problem)| Problem::error("listing", format!("listing.{field} {problem}"), mend);
    let mut problems: Vec<Problem> = listing.problems().into_iter().map(one).collect();
    too_large("listing", listing, LISTING_BYTES_MAX, &mut problems);
    problems
}

fn too_large(rule: &str, value: &impl serde::Serialize, max: usize, problems: &mut Vec<Problem>) {
    let bytes = serde_json::to_vec(value).map_or(usize::MAX, |json| json.len());
    if bytes > max {
        problems.push(Problem::error(
            rule,
            format!("the {rule} has {bytes} bytes, at most {max} are accepted"),
            "shorten it",
        ));
    }
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
        problems.push(Problem::error(
            "wrong-world",
            format!("accessory.kind is {}, the component fits these worlds: {fits}", kind.as_str()),
            "export what the world asks and import nothing that it does not have",
        ));
    }
    if manifest.large {
        let what = "the component brings a language along and may have 24 MiB";
        let so = "Each device compiles it once, for seconds and with hundreds of megabytes: write it in Rust where devices are small.";
        problems.push(Problem::warning("large-guest", what, so));
    }
    if let Ok(asked) = manifest.asked() {
        of_imports(&asked, inspection, &mut problems);
    }
    problems
}

fn of_imports(asked: &Grants, inspection: &Inspection, problems: &mut Vec<Problem>) {
    let opened: Vec<&str> = asked.0.keys().map(|permission| permission.interface()).collect();
    for import in &inspection.imports {
        // Of WASI the inspector lets through what the runner answers with an empty world.
        let free = import.starts_with("wasi:")
            || import.strip_prefix("fitment:accessory/").is_some_and(|name| FREE.contains(&name));
        if !free && !opened.contains(&import.as_str()) {
            let opener = Permission::ALL.into_iter().find(|permission| permission.interface() == import);
            let remedy = match opener {
                Some(permission) => format!(
                    "add a [[permission]] with name = {:?}, its scope and a reason, or remove the call",
                    permission.name()
                ),
                None => "remove the call: this version has no permission that opens it".to_owned(),
            };
            let what = format!("the component imports {import}, which no permission in the manifest opens");
            problems.push(Problem::error("import-without-permission", what, remedy));
        }
    }
    for permission in asked.0.keys().filter(|p| !inspection.imports.iter().any(|i| i == p.interface())) {
        problems.push(Problem::warning(
            "dead-permission",
            format!("permission {} is asked, but the component never uses it", permission.name()),
            "remove the [[permission]]: people refuse what they cannot explain",
        ));
    }
}

/// Returns the finding that a package which does not read makes.
pub fn package_problem(bad: &BadPackage) -> Problem {
    let (rule, remedy) = match bad {
        BadPackage::NotLarge { .. } => (
            "too-large",
            "leave out what the accessory does not need; one that brings a language along says `large = true` under [build]",
        ),
        BadPackage::TooLarge { .. } => {
            ("too-large", "leave out what the accessory does not need, and build it with `fitment build`")
        }
        BadPackage::NotAComponent(_) => ("not-a-component", "build it with `fitment build`"),
        BadPackage::CustomSectionsTooLarge { .. } => ("custom-sections-too-large", "strip debug sections"),
        BadPackage::NoManifest | BadPackage::ManifestTwice => ("manifest", "build it with `fitment build`"),
        BadPackage::Manifest(inner) => return manifest_problem(inner),
    };
    Problem::error(rule, bad.to_string(), remedy)
}

fn manifest_problem(bad: &BadManifest) -> Problem {
    let mend = "mend fitment.toml and build again";
    let (rule, remedy) = match bad {
        BadManifest::Permission(BadPermission::Unknown(_)) => {
            ("permission-unknown", "use a permission that docs/permissions.md lists")
        }
        BadManifest::Permission(BadPermission::NotSupported(_)) => {
            ("permission-not-supported", "leave it out until this platform hosts it")
        }
        BadManifest::PermissionScope { .. }
        | BadManifest::PermissionTwice(_)
        | BadManifest::ChangesDevice { .. }
        | BadManifest::OptionalForConnector(_)
        | BadManifest::Reason(_) => ("permission-scope", mend),
        BadManifest::KindNotSupported(_) | BadManifest::UnknownKind(_) => {
            ("kind", "choose a kind that this version runs")
        }
        BadManifest::Budget(_) => ("budget", mend),
        BadManifest::TooLarge
        | BadManifest::Malformed(_)
        | BadManifest::Name(_)
        | BadManifest::AgentMissing(_)
        | BadManifest::UnknownPlatform { .. }
        | BadManifest::Interval(_)
        | BadManifest::NotScheduled(_)
        | BadManifest::ParametersWithoutScript(_)
        | BadManifest::TargetsMissing => ("manifest", mend),
    };
    Problem::error(rule, bad.to_string(), remedy)
}
