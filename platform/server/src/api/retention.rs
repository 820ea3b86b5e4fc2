//! For how long an MSP's numbers are kept: what the platform's staff decides.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::id::TenantId;
use fitment_domain::series::Retention;
use fitment_domain::tenant::{Action, Scope};
use fitment_domain::time::DAY_MS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::auth::Operator;
use crate::problem::{Body, Problem};

/// For how many days numbers are kept, from 1 to 3,653; the coarser ones not shorter than the finer ones.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionBody {
    /// Samples as they came.
    pub samples_days: u32,
    /// Minimum, maximum, mean and count of five minutes.
    pub five_minutes_days: u32,
    /// The same of an hour.
    pub hours_days: u32,
}

/// Finds the tenant that a path names.
pub(super) async fn found(app: &App, id: &str) -> Result<Scope, Problem> {
    let not_found = || Problem::not_found("tenant");
    let tenant = TenantId::parse(id).map_err(|_| not_found())?;
    let known = app.store.read(Scope::Platform).await?.tenants().await?.contains(&tenant);
    if known { Ok(Scope::Tenant(tenant)) } else { Err(not_found()) }
}

/// Says for how long an MSP's numbers are kept.
#[utoipa::path(get, path = "/api/v1/tenants/{id}/retention", tag = "accounts", responses(
    (status = 200, body = RetentionBody), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    operator: Operator,
    Path(tenant): Path<String>,
) -> Result<Json<RetentionBody>, Problem> {
    operator.may(Action::ManageAccounts)?;
    let kept = app.store.read(found(&app, &tenant).await?).await?.retention().await?;
    let days = |ms: u64| u32::try_from(ms / DAY_MS).unwrap_or(u32::MAX);
    Ok(Json(RetentionBody {
        samples_days: days(kept.raw_ms),
        five_minutes_days: days(kept.five_minutes_ms),
        hours_days: days(kept.hour_ms),
    }))
}

/// Decides for how long an MSP's numbers are kept. What is older goes within minutes, and does not come back.
#[utoipa::path(put, path = "/api/v1/tenants/{id}/retention", tag = "accounts", request_body = RetentionBody, responses(
    (status = 200, body = RetentionBody), (status = 404), (status = 422, description = "invalid")))]
pub async fn decide(
    State(app): State<Shared>,
    operator: Operator,
    Path(tenant): Path<String>,
    Body(body): Body<RetentionBody>,
) -> Result<Json<RetentionBody>, Problem> {
    let operator = operator.may(Action::ManageAccounts)?;
    let ms = |days: u32| u64::from(days) * DAY_MS;
    let kept = Retention {
        raw_ms: ms(body.samples_days),
        five_minutes_ms: ms(body.five_minutes_days),
        hour_ms: ms(body.hours_days),
    };
    kept.check().map_err(Problem::invalid)?;
    let scope = found(&app, &tenant).await?;
    let now = app.now();
    let mut tx = app.store.begin(scope).await?;
    tx.set_retention(&kept).await?;
    let details = serde_json::to_value(&body).map_err(Problem::internal)?;
    tx.append_audit(operator.as_str(), "tenant.retention", &tenant, &details, now).await?;
    tx.commit().await?;
    Ok(Json(body))
}
