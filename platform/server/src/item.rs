//! What a device is handed to run: an item made from an installation and its release, behind the second door.

use fitment_domain::budget::{Budget, OverCeiling};
use fitment_domain::capability::{Ceiling, Grants, effective};
use fitment_domain::device::Device;
use fitment_domain::id::TenantId;
use fitment_domain::installation::Installation;
use fitment_domain::instruction::Item;
use fitment_domain::matching::{Class, Mismatch, device_mismatches, platform_mismatches, state_mismatch};
use fitment_domain::reach::bind_config;
use fitment_domain::release::Publication;
use fitment_store::Release;
use semver::Version;

use crate::app::App;
use crate::door::{self, Refused};
use crate::limits::Limits;

/// The first version of the agent that keeps instances.
const WARM_SINCE: Version = Version::new(0, 1, 1);

/// Returns every reason why a release does not run on a device now; empty if it does.
pub fn mismatches(app: &App, device: &Device, release: &Release) -> Vec<Mismatch> {
    let Ok(kind) = release.manifest.kind() else { return Vec::new() };
    // What was yanked goes on where it is installed; what was never approved runs in the test tenant that it was signed for.
    let state = if release.state.runs() { None } else { state_mismatch(release.state, release.is_tried()) };
    let mut reasons = platform_mismatches(&release.manifest.requires, &app.platform);
    reasons.extend(state);
    reasons.extend(device_mismatches(kind, &release.manifest.requires, Class::of(device)));
    reasons
}

/// Returns what an installation was agreed to and asks now, with the values of its configuration in their places.
///
/// The agreement was given with these values: only what is bound alike can be compared.
pub fn agreed(release: &Release, installation: &Installation) -> Option<Grants> {
    let bound = bind_config(release.manifest.asked().ok()?, &installation.config);
    match effective(&bound, [&Ceiling::Only(installation.grants.clone())]) {
        Ok(agreed) => Some(agreed),
        Err(error) => {
            tracing::error!(installation = %installation.id, %error, "what an installation may do cannot be worked out");
            None
        }
    }
}

/// Returns what a run of an installation may spend: what its MSP granted, in the place of what the manifest asks, up to the ceiling.
pub fn budget(release: &Release, installation: &Installation) -> Result<Budget, OverCeiling> {
    release.manifest.budget.granted(&installation.budget).resolve()
}

/// Makes the item, under every layer that limits what runs on the device; where it does not run, every reason why.
pub async fn make(
    app: &App,
    tenant: &TenantId,
    device: &Device,
    installation: &Installation,
    release: &Release,
    limits: &Limits,
) -> Result<Result<Item, Vec<Mismatch>>, Refused> {
    let (Ok(kind), Some(agreed), Ok(budget)) =
        (release.manifest.kind(), agreed(release, installation), budget(release, installation))
    else {
        return Ok(Err(Vec::new()));
    };
    let verdict = limits.judge(&release.manifest, &agreed, device);
    let mut reasons = mismatches(app, device, release);
    reasons.extend(verdict.reasons);
    reasons.extend(Class::of(device).lacks_agent(budget.needs_agent()));
    if !kind.runs_on_devices() || !reasons.is_empty() {
        return Ok(Err(reasons));
    }
    let passed = door::open_for(app, tenant, release).await?;
    Ok(Ok(Item {
        installation: installation.id.clone(),
        accessory: release.accessory.clone(),
        version: release.version.clone(),
        digest: release.digest.clone(),
        statement: passed.statement,
        development: match release.state {
            Publication::InReview => release.development.clone(),
            _ => None,
        },
        publisher_key: passed.publisher_key,
        config: installation.config.clone(),
        interval_s: installation.interval_s,
        grants: verdict.judgement.grants,
        budget,
        artifact: None,
        // An agent that does not know of it would not read the set at all.
        warm: installation.warm && Class::of(device).lacks_agent(Some(WARM_SINCE)).is_none(),
    }))
}
