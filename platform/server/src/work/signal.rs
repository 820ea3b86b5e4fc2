//! A release that is quarantined on many devices: written into the logs of the platform and of its publisher, once.

use fitment_domain::crash::{QUARANTINED, SIGNAL_DEVICES};
use fitment_domain::id::ReleaseId;
use fitment_domain::tenant::Scope;
use serde_json::json;

use super::{JobError, Next};
use crate::app::App;
use crate::signal::since;

const ACTOR: &str = "the platform";
const ACTION: &str = "release.quarantined";

/// Tells it. What was told before is not told again.
pub async fn run(app: &App, release: &ReleaseId) -> Result<Next, JobError> {
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let Some(found) = tx.release(release).await? else { return Ok(Next::Done) };
    let devices = tx.quarantines(release, since(now)).await?;
    if devices < SIGNAL_DEVICES {
        return Ok(Next::Done);
    }
    let details = json!({ "accessory": found.accessory, "version": found.version, "devices": devices });
    if !tx.note_told(release, QUARANTINED, now).await? {
        return Ok(Next::Done);
    }
    tracing::warn!(accessory = %found.accessory, version = %found.version, devices, "a release is quarantined on many devices");
    tx.append_audit(ACTOR, ACTION, release.as_str(), &details, now).await?;
    tx.append_audit_of(&found.publisher, ACTOR, ACTION, release.as_str(), &details, now).await?;
    tx.commit().await?;
    Ok(Next::Done)
}
