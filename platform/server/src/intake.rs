//! The answer to an upload: every rule is asked, so that a publisher sees all of what is wrong at once.

use std::sync::Arc;

use fitment_domain::bytes::Digest;
use fitment_domain::package::{self, PackageLimits};
use fitment_domain::release::{LISTING_BYTES_MAX, Listing};
use fitment_domain::signature::{self, BadSignature, Second, VerifiedPackage, Wanted};
use fitment_domain::validation::{Problem, Report, rules};
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

/// Judges an upload. `Err` holds the report of what refuses it.
pub async fn judge(sandbox: &Sandbox, publisher: &Publisher, upload: &Upload) -> Result<Accepted, Report> {
    let inspection = sandbox.inspect(upload.component.clone()).await;
    let package = package::read(&upload.component, &PackageLimits::standard());
    let mut problems = match &package {
        Ok(package) => {
            let mut problems = rules::of_component(&package.manifest, &inspection);
            problems.extend(rules::of_manifest(&package.manifest));
            problems.extend(foreign_namespace(&package.manifest.name, publisher));
            problems
        }
        Err(bad) => {
            let mut problems = inspection.problems.clone();
            problems.push(rules::package_problem(bad));
            problems
        }
    };
    let verified = judge_signature(publisher, upload, package.is_ok(), &mut problems);
    let listing = judge_listing(upload, verified.as_ref(), &mut problems);
    let report = Report { problems };
    match (verified, listing) {
        (Some(verified), Some(_)) if report.accepts() => Ok(Accepted { verified, report }),
        _ => Err(report),
    }
}

fn foreign_namespace(name: &fitment_domain::manifest::AccessoryName, publisher: &Publisher) -> Option<Problem> {
    (name.publisher != publisher.name).then(|| {
        let message = format!("accessory.name is {name}, your namespace is {}/", publisher.name);
        Problem::error("foreign-namespace", message, format!("name it {}/{}", publisher.name, name.name))
    })
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
    let wanted = Wanted { publisher: key, second: Second::NotYet };
    match signature::verify(&upload.component, &upload.statement, &wanted, &PackageLimits::standard()) {
        Ok(verified) => Some(verified),
        // A package that does not read was reported already.
        Err(BadSignature::Package(_)) if !package_reads => None,
        Err(bad) => {
            problems.push(Problem::error(
                "signature",
                bad.to_string(),
                "sign this very component again: `fitment sign`",
            ));
            None
        }
    }
}

fn judge_listing(upload: &Upload, verified: Option<&VerifiedPackage>, problems: &mut Vec<Problem>) -> Option<Listing> {
    if upload.listing.len() > LISTING_BYTES_MAX {
        let message =
            format!("the listing has {} bytes, at most {LISTING_BYTES_MAX} are accepted", upload.listing.len());
        problems.push(Problem::error("listing", message, "shorten README.md or CHANGELOG.md"));
        return None;
    }
    let listing: Listing = match serde_json::from_slice(&upload.listing) {
        Ok(listing) => listing,
        Err(e) => {
            problems.push(Problem::error(
                "listing",
                format!("the listing does not read: {e}"),
                "build it with `fitment build`",
            ));
            return None;
        }
    };
    problems.extend(rules::of_listing(&listing));
    if let Some(verified) = verified {
        let got = Digest::of(&upload.listing);
        if got != verified.statement.listing_digest {
            let bad = BadSignature::Listing { signed: verified.statement.listing_digest.clone(), got };
            problems.push(Problem::error(
                "signature",
                bad.to_string(),
                "sign again after changing the listing: `fitment sign`",
            ));
        }
    }
    Some(listing)
}
