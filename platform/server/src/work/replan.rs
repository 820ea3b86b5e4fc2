//! Asks for new sets of the devices of every MSP that has a plan, after the plan changed.

use fitment_domain::tenant::Scope;

use super::{JobError, Next};
use crate::app::App;
use crate::job;

/// Asks for them, a transaction for each MSP.
pub async fn run(app: &App, plan: &str) -> Result<Next, JobError> {
    let tenants = app.store.read(Scope::Platform).await?.tenants_of_plan(plan).await?;
    for tenant in &tenants {
        let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
        job::assign_all(&mut tx, app.now()).await?;
        tx.commit().await?;
    }
    tracing::info!(plan, tenants = tenants.len(), "a plan changed: devices are instructed anew");
    app.wake.notify_one();
    Ok(Next::Done)
}
