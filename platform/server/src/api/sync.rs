//! How a connection keeps tickets in step: settings, how it goes, and a look on demand.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::id::ConnectionId;
use fitment_domain::sync::FIELDS;
use fitment_domain::tenant::{Action, check_display_name};
use fitment_store::{ConnectionSync, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::in_step;
use crate::problem::{Body, Problem};

/// Seconds between two looks.
const INTERVAL_S: std::ops::RangeInclusive<i64> = 1..=86_400;

/// Settings to be: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncSettings {
    /// Who wins where both sides changed a field, by field (`summary`, `status`, `priority`, `board`): `newest`, `ours` or
    /// `theirs`.
    #[serde(default)]
    authority: BTreeMap<String, String>,
    /// Seconds between two looks, 1 to 86,400.
    interval_s: Option<i64>,
    /// The status that reopens a ticket there.
    open_status: Option<String>,
}

/// How a connection keeps tickets in step.
#[derive(Serialize, ToSchema, Clone)]
pub struct SyncView {
    pub connection: String,
    /// Who wins where both sides changed a field, by field.
    pub authority: BTreeMap<String, String>,
    pub interval_s: i64,
    pub open_status: String,
    /// `new`, `ok`, `failing`, or `not-supported` where the connector does not tell changes.
    pub state: String,
    pub problem: Option<String>,
    /// When the last look ended well.
    pub looked_ms: Option<i64>,
    /// Changes that were read so far.
    pub changes: i64,
}

fn view(connection: &ConnectionId, sync: ConnectionSync) -> SyncView {
    SyncView {
        connection: connection.to_string(),
        authority: FIELDS
            .iter()
            .map(|field| (field.as_str().to_owned(), sync.authorities.of(*field).as_str().to_owned()))
            .collect(),
        interval_s: sync.interval_s,
        open_status: sync.open_status,
        state: sync.state,
        problem: sync.problem,
        looked_ms: sync.looked.map(|at| at.0),
        changes: sync.changes,
    }
}

async fn find(tx: &mut Tx, id: &str) -> Result<(ConnectionId, ConnectionSync), Problem> {
    let not_found = || Problem::not_found("connection");
    let id = ConnectionId::parse(id).map_err(|_| not_found())?;
    tx.connection(&id).await?.ok_or_else(not_found)?;
    let sync = tx.connection_sync(&id).await?.unwrap_or_else(ConnectionSync::standard);
    Ok((id, sync))
}

/// Shows how a connection keeps tickets in step.
#[utoipa::path(get, path = "/api/v1/connections/{id}/sync", tag = "ticketing", responses((status = 200, body = SyncView), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<SyncView>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let (id, sync) = find(&mut tx, &id).await?;
    Ok(Json(view(&id, sync)))
}

/// Changes how a connection keeps tickets in step.
#[utoipa::path(put, path = "/api/v1/connections/{id}/sync", tag = "ticketing", request_body = SyncSettings, responses(
    (status = 200, body = SyncView), (status = 404), (status = 422, description = "invalid; it names what is not supported")))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(settings): Body<SyncSettings>,
) -> Result<Json<SyncView>, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let (id, mut sync) = find(&mut tx, &id).await?;
    for (field, value) in &settings.authority {
        sync.authorities.set(field, value).map_err(Problem::invalid)?;
    }
    if let Some(interval_s) = settings.interval_s {
        if !INTERVAL_S.contains(&interval_s) {
            return Err(Problem::invalid(format!("interval_s: {} to {}", INTERVAL_S.start(), INTERVAL_S.end())));
        }
        sync.interval_s = interval_s;
    }
    if let Some(status) = settings.open_status {
        check_display_name("open_status", &status).map_err(Problem::invalid)?;
        sync.open_status = status;
    }
    tx.put_connection_sync(&id, &sync).await?;
    let view = view(&id, sync);
    let details = serde_json::json!({ "authority": view.authority, "interval_s": view.interval_s, "open_status": view.open_status });
    tx.append_audit(msp.account.as_str(), "connection.sync", id.as_str(), &details, app.now()).await?;
    // The next look is due by the new interval.
    in_step::ask_sync(&mut tx, &id, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view))
}

/// Looks at once at what changed in the other system.
#[utoipa::path(post, path = "/api/v1/connections/{id}/sync", tag = "ticketing", responses(
    (status = 202, body = SyncView, description = "asked for; `looked_ms` tells when it was done"), (status = 404)))]
pub async fn look(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<SyncView>), Problem> {
    let msp = msp.may(Action::WorkTickets)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let (id, sync) = find(&mut tx, &id).await?;
    tx.widen()?;
    in_step::ask_sync(&mut tx, &id, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(view(&id, sync))))
}
