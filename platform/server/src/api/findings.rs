//! What the monitors found, and the alerts that came of it.

use axum::Json;
use axum::extract::{Query, State};
use fitment_domain::id::DeviceId;
use fitment_domain::tenant::Action;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// Which device.
#[derive(Deserialize, IntoParams)]
pub struct OfDevice {
    /// Default: all of the tenant's.
    pub device: Option<String>,
}

/// The last judgement about one subject.
#[derive(Serialize, ToSchema)]
pub struct FindingRowView {
    pub device: String,
    pub installation: String,
    /// `ok`, `warning`, `critical` or `unknown`.
    pub health: &'static str,
    pub summary: String,
    pub details: Option<String>,
    pub condition: String,
    pub subject: Option<String>,
    /// Each with name, value, unit (UCUM) and labels.
    pub samples: Value,
    /// When the health changed last.
    pub changed_ms: i64,
    pub last_seen_ms: i64,
}

/// The last run of an installation on a device.
#[derive(Serialize, ToSchema)]
pub struct RunView {
    pub device: String,
    pub installation: String,
    /// `findings`, or the kind of failure.
    pub outcome: String,
    pub message: String,
    /// What the run spent.
    pub usage: Value,
    pub at_ms: i64,
}

/// Findings and runs.
#[derive(Serialize, ToSchema)]
pub struct FindingList {
    pub findings: Vec<FindingRowView>,
    pub runs: Vec<RunView>,
}

/// An alert.
#[derive(Serialize, ToSchema)]
pub struct AlertView {
    pub id: String,
    pub device: String,
    pub installation: String,
    pub condition: String,
    pub subject: String,
    /// `pending`, `open` or `closed`.
    pub state: &'static str,
    pub health: &'static str,
    pub summary: String,
    /// Bad looks since it opened.
    pub occurrences: u32,
    pub opened_ms: Option<i64>,
    pub closed_ms: Option<i64>,
    pub last_seen_ms: i64,
}

/// The tenant's alerts.
#[derive(Serialize, ToSchema)]
pub struct AlertList {
    pub alerts: Vec<AlertView>,
}

/// Lists the last finding of every subject, and the last run of every installation.
#[utoipa::path(get, path = "/api/v1/findings", tag = "monitoring", params(OfDevice), responses((status = 200, body = FindingList), (status = 404)))]
pub async fn list(
    State(app): State<Shared>,
    msp: Msp,
    Query(of): Query<OfDevice>,
) -> Result<Json<FindingList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let not_found = || Problem::not_found("device");
    let mut tx = app.store.read(msp.scope()).await?;
    let device = match of.device {
        Some(id) => {
            let id = DeviceId::parse(&id).map_err(|_| not_found())?;
            Some(tx.device(&id).await?.ok_or_else(not_found)?.id)
        }
        None => None,
    };
    let findings = tx.findings(device.as_ref()).await?.into_iter().map(|row| FindingRowView {
        device: row.device.to_string(),
        installation: row.installation.to_string(),
        health: row.finding.health.as_str(),
        samples: serde_json::to_value(&row.finding.samples).unwrap_or_default(),
        summary: row.finding.summary,
        details: row.finding.details,
        condition: row.finding.condition,
        subject: row.finding.subject,
        changed_ms: row.changed.0,
        last_seen_ms: row.last_seen.0,
    });
    let findings = findings.collect();
    let runs = tx.run_states(device.as_ref()).await?.into_iter().map(|row| RunView {
        device: row.device.to_string(),
        installation: row.installation.to_string(),
        outcome: row.outcome,
        message: row.message,
        usage: serde_json::to_value(&row.usage).unwrap_or_default(),
        at_ms: row.at.0,
    });
    Ok(Json(FindingList { findings, runs: runs.collect() }))
}

/// Lists the alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "monitoring", responses((status = 200, body = AlertList)))]
pub async fn alerts(State(app): State<Shared>, msp: Msp) -> Result<Json<AlertList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let rows = app.store.read(msp.scope()).await?.alerts().await?;
    let alerts = rows.into_iter().map(|row| AlertView {
        id: row.id.to_string(),
        device: row.key.device.to_string(),
        installation: row.key.installation.to_string(),
        condition: row.key.condition,
        subject: row.key.subject,
        state: row.track.state.as_str(),
        health: row.health.as_str(),
        summary: row.summary,
        occurrences: row.track.occurrences,
        opened_ms: row.opened.map(|at| at.0),
        closed_ms: row.closed.map(|at| at.0),
        last_seen_ms: row.last_seen.0,
    });
    Ok(Json(AlertList { alerts: alerts.collect() }))
}
