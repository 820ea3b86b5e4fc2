//! Computes what a device is to run, and signs it if it changed.

use fitment_domain::bytes::Digest;
use fitment_domain::device::Device;
use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::installation::Installation;
use fitment_domain::instruction::{InstructionSet, Item, SET_LIFETIME_MS, SET_TYPE, SetTime};
use fitment_domain::manifest::Kind;
use fitment_domain::signature::Envelope;
use fitment_domain::tenant::Scope;
use fitment_store::StoredSet;

use super::{JobError, Next};
use crate::app::App;
use crate::artifact::Offers;
use crate::door::Refused;
use crate::item;
use crate::limits::Limits;

/// Recomputes the set of one device. Does nothing if nothing changed and the set is fresh enough.
pub async fn run(app: &App, tenant: &TenantId, device: &DeviceId) -> Result<Next, JobError> {
    let scope = Scope::Tenant(tenant.clone());
    let mut tx = app.store.read(scope.clone()).await?;
    let Some(device) = tx.device(device).await?.filter(|device| device.has_agent) else { return Ok(Next::Done) };
    let installations = tx.installations().await?;
    let covers = |one: &Installation| one.target.covers(&device.client, &device.location, &device.id);
    let wanted: Vec<Installation> = installations.into_iter().filter(covers).collect();
    let releases = tx.releases_by_id(&wanted.iter().map(|one| one.release.clone()).collect()).await?;
    let limits = Limits::of_device(&mut tx, &device).await?;
    drop(tx);
    let offers = Offers::to(app, tenant, &device).await?;
    let (mut items, mut refused) = (Vec::new(), None);
    for installation in &wanted {
        let Some(release) = releases.get(&installation.release) else { continue };
        // Scripts run when somebody asks, and never by themselves.
        if !release.manifest.kind().is_ok_and(Kind::is_scheduled) {
            continue;
        }
        match item::make(app, tenant, &device, installation, release, &limits).await {
            Ok(Ok(item)) => items.push(Offers::put(offers.as_ref(), app, release, item).await?),
            Ok(Err(reasons)) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                tracing::info!(device = %device.id, installation = %installation.id, reasons = reasons.join("; "), "not assigned");
            }
            // A store that is away, or lacks an object, says nothing against the release: the device keeps what it runs.
            Err(Refused::Store(error)) => return Err(error.into()),
            Err(error @ Refused::Missing(_)) => return Err(error.into()),
            Err(error) => {
                tracing::error!(release = %release.id, accessory = %release.accessory, %error, "a stored release is refused; it is not assigned");
                refused = Some(error);
            }
        }
    }
    // Whom it is for belongs to what it says: after a machine was set up anew, another agent waits for it.
    let content = serde_json::to_vec(&(&device.agent_id, &items)).unwrap_or_default();
    let content = Digest::of(&content).as_str().to_owned();
    let published = publish(app, tenant, &device, items, content).await?;
    // Whoever mends the object store does not have to install again: the job is tried again until then.
    refused.map_or(Ok(published), |error| Err(error.into()))
}

async fn publish(
    app: &App,
    tenant: &TenantId,
    device: &Device,
    items: Vec<Item>,
    content: String,
) -> Result<Next, JobError> {
    let epoch = app.store.read(Scope::Platform).await?.epoch().await?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    let stored = tx.instruction_set(&device.id).await?;
    let fresh = stored.as_ref().is_some_and(|set| {
        set.content_digest == content && set.time.epoch == epoch && set.expires.since_ms(now) > SET_LIFETIME_MS / 2
    });
    if fresh {
        return Ok(Next::Done);
    }
    let time = stored.map_or(SetTime { epoch, t: now }, |set| set.time.next(epoch, now));
    let expires = now.plus_ms(SET_LIFETIME_MS);
    let set = InstructionSet {
        tenant: tenant.clone(),
        device: device.agent_id.clone(),
        time,
        group: "default".to_owned(),
        expires,
        items,
    };
    let envelope = Envelope::sign(SET_TYPE, &set, &app.keys.instruction)?;
    tx.put_instruction_set(&device.id, &StoredSet { time, expires, envelope, content_digest: content }).await?;
    tx.commit().await?;
    app.set_times.set(device.id.clone(), time);
    tracing::info!(device = %device.id, epoch = time.epoch, t = time.t.0, items = set.items.len(), "new instruction set");
    Ok(Next::Done)
}
