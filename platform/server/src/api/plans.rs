//! Plans: what an MSP may let accessories do at most. The platform's staff defines and assigns them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::ceiling;
use fitment_domain::tenant::{Action, Scope, check_identifier};
use fitment_store::Plan;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::ceilings::{CeilingBody, CeilingView, view};
use super::retention::found;
use crate::app::Shared;
use crate::auth::Operator;
use crate::job::{self, JobKind};
use crate::problem::{Body, Problem};

/// The plans.
#[derive(Serialize, ToSchema)]
pub struct PlanList {
    pub plans: Vec<CeilingView>,
}

/// Which plan an MSP has.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPlan {
    /// A plan by name; none takes nothing away.
    pub plan: Option<String>,
}

fn shown(plan: &Plan) -> CeilingView {
    view(&plan.name, &plan.ceiling, Some(plan.changed.0))
}

/// Lists the plans.
#[utoipa::path(get, path = "/api/v1/plans", tag = "permissions", responses((status = 200, body = PlanList)))]
pub async fn list(State(app): State<Shared>, operator: Operator) -> Result<Json<PlanList>, Problem> {
    operator.may(Action::ManageAccounts)?;
    let plans = app.store.read(Scope::Platform).await?.plans().await?;
    Ok(Json(PlanList { plans: plans.iter().map(shown).collect() }))
}

/// Shows a plan.
#[utoipa::path(get, path = "/api/v1/plans/{name}", tag = "permissions", responses((status = 200, body = CeilingView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<Json<CeilingView>, Problem> {
    operator.may(Action::ManageAccounts)?;
    let plan = app.store.read(Scope::Platform).await?.plan(&name).await?;
    Ok(Json(shown(&plan.ok_or_else(|| Problem::not_found("plan"))?)))
}

/// Defines a plan, or changes it. The devices of every MSP that has it are instructed anew.
#[utoipa::path(put, path = "/api/v1/plans/{name}", tag = "permissions", request_body = CeilingBody, responses(
    (status = 200, body = CeilingView), (status = 422, description = "invalid")))]
pub async fn define(
    State(app): State<Shared>,
    operator: Operator,
    Path(name): Path<String>,
    Body(body): Body<CeilingBody>,
) -> Result<Json<CeilingView>, Problem> {
    let operator = operator.may(Action::ManageAccounts)?;
    check_identifier("plan", &name).map_err(Problem::invalid)?;
    let ceiling = ceiling::read(&body.permissions).map_err(Problem::invalid)?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    let before = tx.plan(&name).await?.and_then(|plan| ceiling::write(&plan.ceiling));
    let plan = Plan { name, ceiling, changed: now };
    tx.put_plan(&plan).await?;
    let details = json!({ "from": before, "to": body.permissions });
    tx.append_audit(operator.as_str(), "plan.define", &plan.name, &details, now).await?;
    job::enqueue(&mut tx, JobKind::Replan, &plan.name, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(shown(&plan)))
}

/// Removes a plan that no MSP has.
#[utoipa::path(delete, path = "/api/v1/plans/{name}", tag = "permissions", responses(
    (status = 204), (status = 404), (status = 409, description = "in-use")))]
pub async fn remove(
    State(app): State<Shared>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let operator = operator.may(Action::ManageAccounts)?;
    let mut tx = app.store.begin(Scope::Platform).await?;
    let tenants = tx.tenants_of_plan(&name).await?;
    if !tenants.is_empty() {
        let detail = format!("{} MSPs have this plan: give them another one, or none, first", tenants.len());
        return Err(Problem::conflict("in-use", detail));
    }
    if !tx.remove_plan(&name).await? {
        return Err(Problem::not_found("plan"));
    }
    tx.append_audit(operator.as_str(), "plan.remove", &name, &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says which plan an MSP has.
#[utoipa::path(get, path = "/api/v1/tenants/{id}/plan", tag = "permissions", responses((status = 200, body = TenantPlan), (status = 404)))]
pub async fn of_tenant(
    State(app): State<Shared>,
    operator: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<TenantPlan>, Problem> {
    operator.may(Action::ManageAccounts)?;
    let plan = app.store.read(found(&app, &tenant).await?).await?.tenant_plan().await?;
    Ok(Json(TenantPlan { plan: plan.map(|plan| plan.name) }))
}

/// Gives an MSP a plan, or none. Its devices are instructed anew.
#[utoipa::path(put, path = "/api/v1/tenants/{id}/plan", tag = "permissions", request_body = TenantPlan, responses(
    (status = 200, body = TenantPlan), (status = 404, description = "no such tenant, or no such plan"),
    (status = 409, description = "changed-meanwhile")))]
pub async fn assign(
    State(app): State<Shared>,
    operator: Operator,
    Path(tenant): Path<String>,
    Body(body): Body<TenantPlan>,
) -> Result<Json<TenantPlan>, Problem> {
    let operator = operator.may(Action::ManageAccounts)?;
    let scope = found(&app, &tenant).await?;
    if let Some(name) = &body.plan {
        let plan = app.store.read(Scope::Platform).await?.plan(name).await?;
        plan.ok_or_else(|| Problem::not_found("plan"))?;
    }
    let now = app.now();
    let mut tx = app.store.begin(scope).await?;
    let before = tx.tenant_plan().await?.map(|plan| plan.name);
    tx.set_tenant_plan(body.plan.as_deref()).await?;
    let details = json!({ "from": before, "to": body.plan });
    tx.append_audit(operator.as_str(), "tenant.plan", &tenant, &details, now).await?;
    job::assign_all(&mut tx, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(body))
}
