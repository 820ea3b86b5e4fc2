//! After a restored backup: a new epoch, so that the sets that are made now are newer than whatever agents run, and what may have
//! been delivered since the backup is looked for before it is delivered.

use fitment_domain::id::TenantId;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{Store, StoreError};

use crate::clock::NoRandomness;
use crate::job;

/// Why not every device was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Begins a new epoch, asks for a new set for every device, and trusts no ledger that says of a ticket or a note that it was not
/// delivered. Returns the epoch. Can be repeated: each time is one more.
pub async fn new_epoch(store: &Store, now: UnixMs) -> Result<i64, RestoreError> {
    let mut tx = store.begin(Scope::Platform).await?;
    let epoch = tx.bump_epoch().await?;
    let tenants = tx.tenants().await?;
    let details = serde_json::json!({ "epoch": epoch });
    tx.append_audit("command-line", "platform.new-epoch", "platform", &details, now).await?;
    // The epoch first: a set that is made before this would still be of the old one.
    tx.commit().await?;
    for tenant in tenants {
        begin_anew(store, tenant, now).await?;
    }
    Ok(epoch)
}

async fn begin_anew(store: &Store, tenant: TenantId, now: UnixMs) -> Result<(), RestoreError> {
    let mut tx = store.begin(Scope::Tenant(tenant)).await?;
    tx.doubt_deliveries(now).await?;
    job::assign_all(&mut tx, now).await?;
    tx.commit().await?;
    Ok(())
}
