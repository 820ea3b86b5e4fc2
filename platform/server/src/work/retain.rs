//! Rolls samples up, and lets go what retention no longer keeps: for every tenant, again and again.

use fitment_domain::id::TenantId;
use fitment_domain::tenant::Scope;
use fitment_domain::time::{SECOND_MS, UnixMs};
use fitment_store::{Store, StoreError};

use super::{JobError, Next};
use crate::app::App;

/// How often, in milliseconds.
const EVERY_MS: u64 = 600 * SECOND_MS;
/// So long after its end an hour is rolled up the first time: what comes later than this makes it due again.
const GRACE_MS: u64 = 300 * SECOND_MS;
/// `roll_up_series` takes so many hours at once.
const HOURS_AT_ONCE: usize = 500;

/// Does it once for every tenant, in short transactions.
pub async fn run(app: &App) -> Result<Next, JobError> {
    let tenants = app.store.read(Scope::Platform).await?.tenants().await?;
    let now = app.now();
    for tenant in tenants {
        of_tenant(&app.store, tenant, now).await?;
    }
    Ok(Next::At(now.plus_ms(EVERY_MS)))
}

async fn of_tenant(store: &Store, tenant: TenantId, now: UnixMs) -> Result<(), StoreError> {
    let over = UnixMs(now.0.saturating_sub(GRACE_MS.cast_signed()));
    loop {
        let mut tx = store.begin(Scope::Tenant(tenant.clone())).await?;
        let rolled_up = tx.roll_up_series(over).await?;
        tx.commit().await?;
        if rolled_up < HOURS_AT_ONCE {
            break;
        }
    }
    let mut tx = store.begin(Scope::Tenant(tenant)).await?;
    tx.expire_series(now).await?;
    tx.commit().await
}
