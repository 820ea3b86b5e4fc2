//! Whether an MSP's devices take code that publisher and platform compiled.

use axum::Json;
use axum::extract::State;
use fitment_domain::tenant::Action;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::job;
use crate::problem::{Body, Problem};

/// The MSP's choice.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompiledCode {
    /// Whether devices run code that publisher and marketplace compiled and both signed. If not, and unless it was said, each device
    /// compiles for itself.
    pub accepted: bool,
}

/// Says whether the MSP's devices take compiled code.
#[utoipa::path(get, path = "/api/v1/compiled-code", tag = "compiled code", responses((status = 200, body = CompiledCode)))]
pub async fn show(State(app): State<Shared>, msp: Msp) -> Result<Json<CompiledCode>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let accepted = app.store.read(msp.scope()).await?.takes_artifacts().await?;
    Ok(Json(CompiledCode { accepted }))
}

/// Decides whether the MSP's devices take compiled code. They do so as soon as they ask.
#[utoipa::path(put, path = "/api/v1/compiled-code", tag = "compiled code", request_body = CompiledCode, responses(
    (status = 200, body = CompiledCode)))]
pub async fn decide(
    State(app): State<Shared>,
    msp: Msp,
    Body(body): Body<CompiledCode>,
) -> Result<Json<CompiledCode>, Problem> {
    let msp = msp.may(Action::LimitPermissions)?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let before = tx.takes_artifacts().await?;
    tx.set_takes_artifacts(body.accepted).await?;
    let details = json!({ "from": before, "to": body.accepted });
    tx.append_audit(msp.account.as_str(), "compiled-code.set", "msp", &details, now).await?;
    job::assign_all(&mut tx, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(body))
}
