//! Asks for new sets of the devices of every MSP that has a plan, after the plan changed, and tells each of them in its log.

use fitment_domain::ceiling;
use fitment_domain::tenant::Scope;
use fitment_store::{Plan, StoreError, Tx};
use serde_json::{Value, json};

use super::{JobError, Next};
use crate::app::App;
use crate::job;

const ACTOR: &str = "platform";
const ACTION: &str = "plan.define";
/// So many of the newest entries are looked at, so that who was told already is not told again.
const LOOKED_AT: i64 = 50;

/// Asks for them, a transaction for each MSP.
pub async fn run(app: &App, plan: &str) -> Result<Next, JobError> {
    let mut tx = app.store.read(Scope::Platform).await?;
    let (plan, tenants) = (tx.plan(plan).await?, tx.tenants_of_plan(plan).await?);
    drop(tx);
    let Some(plan) = plan else { return Ok(Next::Done) };
    for tenant in &tenants {
        let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
        tell(app, &mut tx, &plan).await?;
        job::assign_all(&mut tx, app.now()).await?;
        tx.commit().await?;
    }
    tracing::info!(plan = plan.name, tenants = tenants.len(), "a plan changed: devices are instructed anew");
    app.wake.notify_one();
    Ok(Next::Done)
}

/// Writes into an MSP's log what its plan lets through from now on, unless the job did so before it was interrupted.
async fn tell(app: &App, tx: &mut Tx, plan: &Plan) -> Result<(), StoreError> {
    let details = json!({ "to": ceiling::write(&plan.ceiling), "changed_ms": plan.changed.0 });
    let log = tx.audit(None, LOOKED_AT).await?;
    let same = |said: &str| serde_json::from_str::<Value>(said).is_ok_and(|said| said == details);
    let told = log.entries.iter().any(|e| e.action == ACTION && e.subject == plan.name && same(&e.details));
    if told { Ok(()) } else { tx.append_audit(ACTOR, ACTION, &plan.name, &details, app.now()).await }
}
