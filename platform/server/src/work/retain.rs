//! Rolls samples up, and lets go what is kept no longer, samples and numbers of results: for every tenant, again and again.

use fitment_domain::protocol::RESULT_KNOWN_MS;
use fitment_domain::tenant::Scope;
use fitment_domain::time::{SECOND_MS, UnixMs};
use fitment_store::{FORGOTTEN_AT_ONCE, Store, StoreError};

use super::{JobError, Next};
use crate::app::App;
use crate::signal::since;

/// How often, in milliseconds.
const EVERY_MS: u64 = 600 * SECOND_MS;
/// So long after its end an hour is rolled up the first time: what comes later than this makes it due again.
const GRACE_MS: u64 = 300 * SECOND_MS;
/// `roll_up_series` takes so many hours at once.
const HOURS_AT_ONCE: usize = 500;

/// Does it once for every tenant, in short transactions. What fails for one tenant stops no other.
pub async fn run(app: &App) -> Result<Next, JobError> {
    let tenants = app.store.read(Scope::Platform).await?.tenants().await?;
    let now = app.now();
    let mut failure = forget_signals(&app.store, now).await.err();
    for tenant in tenants {
        let scope = Scope::Tenant(tenant.clone());
        let ends = [
            forget(&app.store, &scope, now).await,
            roll_up(&app.store, &scope, now).await,
            expire(&app.store, scope, now).await,
        ];
        for error in ends.into_iter().filter_map(Result::err) {
            tracing::warn!(%tenant, %error, "retention failed for a tenant; it goes on with the others");
            failure.get_or_insert(error);
        }
    }
    failure.map_or(Ok(Next::At(now.plus_ms(EVERY_MS))), |error| Err(error.into()))
}

fn ago(now: UnixMs, ms: u64) -> UnixMs {
    UnixMs(now.0.saturating_sub(ms.cast_signed()))
}

async fn forget_signals(store: &Store, now: UnixMs) -> Result<(), StoreError> {
    let mut tx = store.begin(Scope::Platform).await?;
    tx.forget_signals(since(now)).await?;
    tx.commit().await
}

async fn forget(store: &Store, scope: &Scope, now: UnixMs) -> Result<(), StoreError> {
    loop {
        let mut tx = store.begin(scope.clone()).await?;
        let forgotten = tx.forget_results(ago(now, RESULT_KNOWN_MS)).await?;
        tx.commit().await?;
        if forgotten < FORGOTTEN_AT_ONCE {
            return Ok(());
        }
    }
}

async fn roll_up(store: &Store, scope: &Scope, now: UnixMs) -> Result<(), StoreError> {
    loop {
        let mut tx = store.begin(scope.clone()).await?;
        let rolled_up = tx.roll_up_series(ago(now, GRACE_MS)).await?;
        tx.commit().await?;
        if rolled_up < HOURS_AT_ONCE {
            return Ok(());
        }
    }
}

async fn expire(store: &Store, scope: Scope, now: UnixMs) -> Result<(), StoreError> {
    let mut tx = store.begin(scope).await?;
    tx.expire_series(now).await?;
    tx.commit().await
}
