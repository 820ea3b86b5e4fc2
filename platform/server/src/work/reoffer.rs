//! Asks for new sets of the devices of every MSP that takes compiled code, after what is offered changed.

use fitment_domain::tenant::Scope;

use super::{JobError, Next};
use crate::app::App;
use crate::job;

/// Asks for them, a transaction for each MSP.
pub async fn run(app: &App) -> Result<Next, JobError> {
    let tenants = app.store.read(Scope::Platform).await?.tenants_that_take_artifacts().await?;
    for tenant in &tenants {
        let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
        job::assign_all(&mut tx, app.now()).await?;
        tx.commit().await?;
    }
    app.wake.notify_one();
    Ok(Next::Done)
}
