//! Devices.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::device::Device;
use fitment_domain::id::DeviceId;
use fitment_domain::run::Fact;
use fitment_domain::tenant::Action;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// A device.
#[derive(Clone, Serialize, ToSchema)]
pub struct DeviceView {
    pub id: String,
    pub name: String,
    pub client: String,
    pub location: String,
    /// By name: `hostname`, `os.family`, `os.version`, `arch`, `agent.version`.
    pub facts: BTreeMap<String, Value>,
    pub enrolled_ms: i64,
    pub last_seen_ms: i64,
    pub revoked_ms: Option<i64>,
}

/// The tenant's devices.
#[derive(Serialize, ToSchema)]
pub struct DeviceList {
    pub devices: Vec<DeviceView>,
}

fn plain(fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) => json!(text),
        Fact::Number(number) => json!(number),
        Fact::Flag(flag) => json!(flag),
        Fact::Many(many) => json!(many),
    }
}

fn view(device: Device) -> DeviceView {
    DeviceView {
        id: device.id.to_string(),
        name: device.name,
        client: device.client.to_string(),
        location: device.location.to_string(),
        facts: device.facts.0.iter().map(|(name, fact)| (name.clone(), plain(fact))).collect(),
        enrolled_ms: device.enrolled.0,
        last_seen_ms: device.last_seen.0,
        revoked_ms: device.revoked.map(|at| at.0),
    }
}

fn parse(id: &str) -> Result<DeviceId, Problem> {
    DeviceId::parse(id).map_err(|_| Problem::not_found("device"))
}

/// Lists the devices.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", responses((status = 200, body = DeviceList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<DeviceList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let rows = app.store.read(msp.scope()).await?.devices().await?;
    Ok(Json(DeviceList { devices: rows.into_iter().map(view).collect() }))
}

/// Shows one device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", responses((status = 200, body = DeviceView), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let device = app.store.read(msp.scope()).await?.device(&parse(&id)?).await?;
    Ok(Json(view(device.ok_or_else(|| Problem::not_found("device"))?)))
}

/// Revokes a device: from its next request on it is refused.
#[utoipa::path(post, path = "/api/v1/devices/{id}/revocation", tag = "devices", responses((status = 204), (status = 404)))]
pub async fn revoke(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let id = parse(&id)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.revoke_device(&id, app.now()).await? {
        return Err(Problem::not_found("device"));
    }
    tx.append_audit(msp.account.as_str(), "device.revoke", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
