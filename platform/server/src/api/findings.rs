//! What the monitors found, and the alerts that came of it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::alert::{AlertState, Closing, is_stale};
use fitment_domain::id::{AlertId, DeviceId, InstallationId};
use fitment_domain::tenant::{Action, check_display_name};
use fitment_domain::time::UnixMs;
use fitment_store::{AlertRow, FINDINGS_MAX, FindingRow, RunStateRow, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::after;
use crate::app::{App, Shared};
use crate::auth::Msp;
use crate::closing;
use crate::problem::{Body, Problem};

/// Whose findings and runs.
#[derive(Default, Deserialize, IntoParams)]
pub struct OfDevice {
    /// Default: of all devices.
    pub device: Option<String>,
    /// Of this installation alone; default: of all.
    pub installation: Option<String>,
}

/// Which alerts.
#[derive(Default, Deserialize, IntoParams)]
pub struct WhichAlerts {
    /// `pending`, `open` or `closed`; default: all.
    pub state: Option<String>,
    /// Default: of all devices.
    pub device: Option<String>,
    /// The `next` of the part before; default: from the beginning.
    pub after: Option<String>,
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

/// Findings and runs, at most 1,000 of each: what is not well or failed comes first.
#[derive(Serialize, ToSchema)]
pub struct FindingList {
    pub findings: Vec<FindingRowView>,
    pub runs: Vec<RunView>,
    /// False: there are more; ask for one device or one installation.
    pub complete: bool,
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
    /// Open, and not reported for three intervals: it may be gone, which is no recovery.
    pub stale: bool,
    pub opened_ms: Option<i64>,
    pub closed_ms: Option<i64>,
    /// `cleared`, `installation-removed`, `not-covered`, `device-revoked`, `device-retired`, or `by hand:` and a reason.
    pub closed_because: Option<String>,
    pub last_seen_ms: i64,
}

/// Why an alert is closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// 1 to 120 characters.
    pub reason: String,
}

/// Alerts, at most 500.
#[derive(Serialize, ToSchema)]
pub struct AlertList {
    pub alerts: Vec<AlertView>,
    /// False: there are more; ask for those `after` what `next` says.
    pub complete: bool,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// Lists the last finding of every subject, and the last run of every installation on each device.
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
    let installation = of.installation.as_deref().map(InstallationId::parse).transpose();
    let installation = installation.map_err(|_| Problem::not_found("installation"))?;
    let mut findings = tx.findings(device.as_ref(), installation.as_ref()).await?;
    let mut runs = tx.run_states(device.as_ref(), installation.as_ref()).await?;
    let complete = findings.len() <= FINDINGS_MAX && runs.len() <= FINDINGS_MAX;
    findings.truncate(FINDINGS_MAX);
    runs.truncate(FINDINGS_MAX);
    let findings = findings.into_iter().map(finding_view).collect();
    Ok(Json(FindingList { findings, runs: runs.into_iter().map(run_view).collect(), complete }))
}

fn finding_view(row: FindingRow) -> FindingRowView {
    FindingRowView {
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
    }
}

fn run_view(row: RunStateRow) -> RunView {
    RunView {
        device: row.device.to_string(),
        installation: row.installation.to_string(),
        outcome: row.outcome,
        message: row.message,
        usage: serde_json::to_value(&row.usage).unwrap_or_default(),
        at_ms: row.at.0,
    }
}

/// Returns of each installation how many last runs there are, and how many of these failed.
pub async fn run_counts(app: &App, msp: Msp) -> Result<HashMap<String, (usize, usize)>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let counts = app.store.read(msp.scope()).await?.run_counts().await?;
    Ok(counts.into_iter().map(|(id, runs, failing)| (id.to_string(), (runs as usize, failing as usize))).collect())
}

/// Lists the alerts: open ones first, then pending ones, each newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "monitoring", params(WhichAlerts), responses(
    (status = 200, body = AlertList), (status = 404), (status = 422, description = "invalid")))]
pub async fn alerts(
    State(app): State<Shared>,
    msp: Msp,
    Query(asked): Query<WhichAlerts>,
) -> Result<Json<AlertList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let state = asked
        .state
        .as_deref()
        .map(|word| AlertState::parse(word).ok_or_else(|| Problem::invalid("state must be pending, open or closed")));
    let (state, after) = (state.transpose()?, after(asked.after.as_deref())?);
    let device = asked.device.as_deref().map(DeviceId::parse).transpose();
    let device = device.map_err(|_| Problem::not_found("device"))?;
    let mut tx = app.store.read(msp.scope()).await?;
    let listed = tx.alerts(state, device.as_ref(), after.as_ref()).await?;
    // How often an installation looks is known to nobody by it; whether a look is overdue is everybody's.
    tx.widen()?;
    let intervals = intervals(&mut tx).await?;
    let now = app.now();
    let next = listed.next.map(|next| next.to_string());
    let alerts = listed.rows.into_iter().map(|row| alert_view(row, &intervals, now));
    Ok(Json(AlertList { alerts: alerts.collect(), complete: next.is_none(), next }))
}

/// Returns how often each installation looks, in seconds.
async fn intervals(tx: &mut Tx) -> Result<HashMap<InstallationId, u64>, Problem> {
    Ok(tx.installations().await?.into_iter().map(|i| (i.id, i.interval_s)).collect())
}

fn alert_view(row: AlertRow, intervals: &HashMap<InstallationId, u64>, now: UnixMs) -> AlertView {
    let interval_s = intervals.get(&row.key.installation);
    AlertView {
        id: row.id.to_string(),
        device: row.key.device.to_string(),
        installation: row.key.installation.to_string(),
        stale: interval_s.is_some_and(|interval_s| is_stale(row.track.state, row.last_seen, *interval_s, now)),
        condition: row.key.condition,
        subject: row.key.subject,
        state: row.track.state.as_str(),
        health: row.health.as_str(),
        summary: row.summary,
        occurrences: row.track.occurrences,
        opened_ms: row.opened.map(|at| at.0),
        closed_ms: row.closed.map(|at| at.0),
        closed_because: row.closed_because,
        last_seen_ms: row.last_seen.0,
    }
}

/// Closes an alert by hand, and its ticket as if the condition had cleared. If it is still there, the next looks open it again.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/close", tag = "monitoring", request_body = Closure, responses(
    (status = 200, body = AlertView), (status = 404), (status = 409, description = "already-closed"), (status = 422)))]
pub async fn close(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(closure): Body<Closure>,
) -> Result<Json<AlertView>, Problem> {
    let msp = msp.may(Action::WorkTickets)?;
    check_display_name("reason", &closure.reason).map_err(Problem::invalid)?;
    let not_found = || Problem::not_found("alert");
    let id = AlertId::parse(&id).map_err(|_| not_found())?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let alert = tx.alert(&id).await?.ok_or_else(not_found)?;
    if alert.track.state == AlertState::Closed {
        return Err(Problem::conflict("already-closed", "the alert is closed already"));
    }
    tx.widen()?;
    let alert = closing::close(&mut tx, alert, &Closing::ByHand(closure.reason.clone()), now).await?;
    let details = serde_json::json!({ "reason": closure.reason });
    tx.append_audit(msp.account.as_str(), "alert.close", id.as_str(), &details, now).await?;
    let intervals = intervals(&mut tx).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(alert_view(alert, &intervals, now)))
}
