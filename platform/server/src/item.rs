//! What a device is handed to run: an item made from an installation and its release, behind the second door.

use fitment_domain::capability::{Ceiling, effective};
use fitment_domain::device::Device;
use fitment_domain::id::TenantId;
use fitment_domain::installation::Installation;
use fitment_domain::instruction::Item;
use fitment_domain::matching::{Class, Mismatch, device_mismatches, platform_mismatches, state_mismatch};
use fitment_domain::reach::bind_config;
use fitment_domain::release::Publication;
use fitment_store::Release;

use crate::app::App;
use crate::door::{self, Refused};

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

/// Makes the item; nothing where the release does not run on the device.
pub async fn make(
    app: &App,
    tenant: &TenantId,
    device: &Device,
    installation: &Installation,
    release: &Release,
) -> Result<Option<Item>, Refused> {
    let (Ok(kind), Ok(asked), Ok(budget)) =
        (release.manifest.kind(), release.manifest.asked(), release.manifest.budget())
    else {
        return Ok(None);
    };
    if !kind.runs_on_devices() || !mismatches(app, device, release).is_empty() {
        return Ok(None);
    }
    let passed = door::open_for(app, tenant, release).await?;
    // The agreement was given with the configuration's values in their places: only what is bound alike can be compared.
    let bound = bind_config(asked, &installation.config);
    let grants = match effective(&bound, [&Ceiling::Only(installation.grants.clone())]) {
        Ok(grants) => grants,
        Err(error) => {
            tracing::error!(installation = %installation.id, %error, "what an installation may do cannot be worked out");
            return Ok(None);
        }
    };
    Ok(Some(Item {
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
        grants,
        budget,
    }))
}
