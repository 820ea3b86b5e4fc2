//! The answer to an upload: every rule is asked, so that a publisher sees all of what is wrong at once.

use std::sync::Arc;

use fitment_domain::bytes::Digest;
use fitment_domain::capability::{BadPermission, Grants};
use fitment_domain::installation::check_schema;
use fitment_domain::manifest::{BadManifest, Manifest};
use fitment_domain::package::{self, BadPackage, PackageLimits};
use fitment_domain::release::{LISTING_BYTES_MAX, Listing};
use fitment_domain::signature::{self, BadSignature, VerifiedPackage, Wanted};
use fitment_domain::validation::{Inspection, Problem, Report};
use fitment_runner_client::Sandbox;
use fitment_store::Publisher;

/// What a publisher sent.
pub struct Upload {
    pub component: Arc<[u8]>,
    pub statement: Vec<u8>,
    pub listing: Vec<u8>,
}

/// An upload that no rule refuses.
pub struct Accepted {
    pub verified: VerifiedPackage,
    pub report: Report,
}

/// Interfaces that every accessory may import without asking.
const FREE: &[&str] = &["run-context", "logging", "clock", "device", "types", "ticketing-types"];

/// Judges an upload. `Err` holds the report of what refuses it.
pub async fn judge(sandbox: &Sandbox, publisher: &Publisher, upload: &Upload) -> Result<Accepted, Report> {
    let mut problems = Vec::new();
    let inspection = sandbox.inspect(upload.component.clone()).await;
    problems.extend(inspection.problems.iter().cloned());
    let package = package::read(&upload.component, &PackageLimits::standard());
    match &package {
        Ok(package) => judge_manifest(&package.manifest, &inspection, publisher, &mut problems),
        Err(bad) => problems.push(of_package(bad)),
    }
    let verified = judge_signature(publisher, upload, package.is_ok(), &mut problems);
    let listing = judge_listing(upload, verified.as_ref(), &mut problems);
    let report = Report { problems };
    match (verified, listing) {
        (Some(verified), Some(_)) if report.accepts() => Ok(Accepted { verified, report }),
        _ => Err(report),
    }
}

fn judge_manifest(manifest: &Manifest, inspection: &Inspection, publisher: &Publisher, problems: &mut Vec<Problem>) {
    problems.extend(manifest.problems().iter().map(of_manifest));
    if manifest.name.publisher != publisher.name {
        problems.push(Problem::error(
            "foreign-namespace",
            format!("accessory.name is {}, your namespace is {}/", manifest.name, publisher.name),
            format!("name it {}/{}", publisher.name, manifest.name.name),
        ));
    }
    if let Err(bad) = check_schema(&manifest.config_schema) {
        problems.push(Problem::error("config-schema", bad.to_string(), "mend the JSON Schema that [config] schema names"));
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
    if let Ok(asked) = manifest.asked() {
        judge_imports(&asked, inspection, problems);
    }
}

fn judge_imports(asked: &Grants, inspection: &Inspection, problems: &mut Vec<Problem>) {
    let opened: Vec<&str> = asked.0.keys().map(|permission| permission.interface()).collect();
    for import in &inspection.imports {
        let free = import.strip_prefix("fitment:accessory/").is_some_and(|name| FREE.contains(&name));
        if !free && !opened.contains(&import.as_str()) {
            problems.push(Problem::error(
                "import-without-permission",
                format!("the component imports {import}, which no permission in the manifest opens"),
                "add the [[permission]] with a reason, or remove the call",
            ));
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

fn judge_signature(
    publisher: &Publisher,
    upload: &Upload,
    package_reads: bool,
    problems: &mut Vec<Problem>,
) -> Option<VerifiedPackage> {
    let Some(key) = publisher.key else {
        problems.push(Problem::error(
            "publisher-key-missing",
            "your account has no registered public key",
            "run `fitment keygen`, then publish again: the command registers it",
        ));
        return None;
    };
    let wanted = Wanted { publisher: key, platform: None };
    match signature::verify(&upload.component, &upload.statement, &wanted, &PackageLimits::standard()) {
        Ok(verified) => Some(verified),
        // A package that does not read was reported already.
        Err(BadSignature::Package(_)) if !package_reads => None,
        Err(bad) => {
            problems.push(Problem::error("signature", bad.to_string(), "sign this very component again: `fitment sign`"));
            None
        }
    }
}

fn judge_listing(upload: &Upload, verified: Option<&VerifiedPackage>, problems: &mut Vec<Problem>) -> Option<Listing> {
    if upload.listing.len() > LISTING_BYTES_MAX {
        let message = format!("the listing has {} bytes, at most {LISTING_BYTES_MAX} are accepted", upload.listing.len());
        problems.push(Problem::error("listing", message, "shorten README.md or CHANGELOG.md"));
        return None;
    }
    let listing: Listing = match serde_json::from_slice(&upload.listing) {
        Ok(listing) => listing,
        Err(e) => {
            problems.push(Problem::error("listing", format!("the listing does not read: {e}"), "build it with `fitment build`"));
            return None;
        }
    };
    for (field, problem) in listing.problems() {
        problems.push(Problem::error("listing", format!("listing.{field} {problem}"), "mend fitment.toml and build again"));
    }
    if let Some(verified) = verified {
        let got = Digest::of(&upload.listing);
        if got != verified.statement.listing_digest {
            let bad = BadSignature::Listing { signed: verified.statement.listing_digest.clone(), got };
            problems.push(Problem::error("signature", bad.to_string(), "sign again after changing the listing: `fitment sign`"));
        }
    }
    Some(listing)
}

fn of_package(bad: &BadPackage) -> Problem {
    let (rule, remedy) = match bad {
        BadPackage::TooLarge { .. } => ("too-large", "leave out what the accessory does not need; build with the profile that `fitment build` uses"),
        BadPackage::NotAComponent(_) => ("not-a-component", "build it with `fitment build`"),
        BadPackage::CustomSectionsTooLarge { .. } => ("custom-sections-too-large", "strip debug sections"),
        BadPackage::NoManifest | BadPackage::ManifestTwice => ("manifest", "build it with `fitment build`"),
        BadPackage::Manifest(inner) => return of_manifest(inner),
    };
    Problem::error(rule, bad.to_string(), remedy)
}

fn of_manifest(bad: &BadManifest) -> Problem {
    let (rule, remedy) = match bad {
        BadManifest::Permission(BadPermission::Unknown(_)) => ("permission-unknown", "use a permission that docs/permissions.md lists"),
        BadManifest::Permission(BadPermission::NotSupported(_)) => ("permission-not-supported", "leave it out until this platform hosts it"),
        BadManifest::PermissionScope { .. } | BadManifest::PermissionTwice(_) | BadManifest::Reason(_) => {
            ("permission-scope", "mend the [[permission]] in fitment.toml")
        }
        BadManifest::KindNotSupported(_) | BadManifest::UnknownKind(_) => ("kind", "choose a kind that this version runs"),
        BadManifest::Budget(_) => ("budget", "mend [budget] in fitment.toml"),
        BadManifest::TooLarge
        | BadManifest::Malformed(_)
        | BadManifest::Name(_)
        | BadManifest::AgentMissing(_)
        | BadManifest::UnknownPlatform { .. }
        | BadManifest::Interval(_)
        | BadManifest::ScheduleWithoutDevice(_) => ("manifest", "mend fitment.toml and build again"),
    };
    Problem::error(rule, bad.to_string(), remedy)
}
