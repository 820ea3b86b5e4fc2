//! Permission ceilings: what accessories may do at most on an MSP's devices, a client's, or one of them; and what that leaves.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::capability::{Ceiling, sentence};
use fitment_domain::ceiling::{self, Subject, Written};
use fitment_domain::installation::Installation;
use fitment_domain::tenant::Action;
use fitment_store::{CeilingRow, Tx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::item;
use crate::job;
use crate::limits::Limits;
use crate::problem::{Body, Problem};

/// What a ceiling lets through.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CeilingBody {
    /// By name, each with the patterns of its parts: `{"metrics": {}, "http": {"origins": ["https://*.example.com"]}}`. A part that is
    /// left out takes nothing away; a permission that is left out is taken away.
    #[schema(value_type = Value)]
    pub permissions: Written,
}

/// A ceiling.
#[derive(Serialize, ToSchema)]
pub struct CeilingView {
    /// `msp`, or the id of a client or of a device; a plan has its name.
    pub subject: String,
    /// As it was written; none if it takes nothing away.
    #[schema(value_type = Option<Value>)]
    pub permissions: Option<Written>,
    /// The same in sentences.
    pub sentences: Vec<String>,
    /// When it was changed last; none if it never was.
    pub changed_ms: Option<i64>,
}

/// The layers of a tenant.
#[derive(Serialize, ToSchema)]
pub struct CeilingList {
    /// The plan that the platform assigned; none takes nothing away.
    pub plan: Option<CeilingView>,
    pub ceilings: Vec<CeilingView>,
}

/// What accessories may do on a device.
#[derive(Serialize, ToSchema)]
pub struct DevicePermissions {
    pub device: String,
    pub installations: Vec<InstalledPermissions>,
}

/// What one installation may do on a device.
#[derive(Serialize, ToSchema)]
pub struct InstalledPermissions {
    pub installation: String,
    pub accessory: String,
    pub version: String,
    /// Whether it is permitted here; if not, `reasons` say why, and it is not assigned.
    pub permitted: bool,
    pub reasons: Vec<String>,
    /// What it may do here, in sentences.
    pub permissions: Vec<String>,
    /// What a plan or a ceiling takes away.
    pub taken: Vec<TakenView>,
}

/// What one layer takes away.
#[derive(Serialize, ToSchema)]
pub struct TakenView {
    /// Such as `the MSP's ceiling`.
    pub layer: String,
    pub permission: String,
    /// Whether nothing of the permission is left.
    pub whole: bool,
    /// The patterns that are not there.
    pub lost: Vec<String>,
    /// The same in a sentence, with what would help.
    pub sentence: String,
}

/// Writes a ceiling for people and programs.
pub(super) fn view(subject: &str, ceiling: &Ceiling, changed_ms: Option<i64>) -> CeilingView {
    let sentences = match ceiling {
        Ceiling::Everything => Vec::new(),
        Ceiling::Only(allowed) => allowed.0.iter().map(|(p, scope)| sentence(*p, scope)).collect(),
    };
    CeilingView { subject: subject.to_owned(), permissions: ceiling::write(ceiling), sentences, changed_ms }
}

/// Finds what a ceiling is for, among what the scope sees.
async fn found(tx: &mut Tx, subject: &str) -> Result<Subject, Problem> {
    let not_found = || Problem::not_found("client or device (msp names the MSP's own ceiling)");
    let subject = Subject::parse(subject).ok_or_else(not_found)?;
    let there = match &subject {
        Subject::Msp => true,
        Subject::Client(id) => tx.client(id).await?.is_some(),
        Subject::Device(id) => tx.device(id).await?.is_some(),
    };
    if there { Ok(subject) } else { Err(not_found()) }
}

/// Returns the ceiling that was set for somebody; none if none was.
pub(super) async fn ceiling_of(tx: &mut Tx, subject: &Subject) -> Result<Option<CeilingRow>, Problem> {
    Ok(tx.ceilings().await?.into_iter().find(|row| row.subject == *subject))
}

/// Lists the plan and every ceiling.
#[utoipa::path(get, path = "/api/v1/permission-ceilings", tag = "permissions", responses((status = 200, body = CeilingList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<CeilingList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let plan = tx.tenant_plan().await?.map(|plan| view(&plan.name, &plan.ceiling, Some(plan.changed.0)));
    let rows = tx.ceilings().await?;
    let ceilings = rows.iter().map(|row| view(row.subject.as_str(), &row.ceiling, Some(row.changed.0))).collect();
    Ok(Json(CeilingList { plan, ceilings }))
}

/// Shows the ceiling of the MSP (`msp`), of a client or of a device. Where none was set, nothing is taken away.
#[utoipa::path(get, path = "/api/v1/permission-ceilings/{subject}", tag = "permissions", responses(
    (status = 200, body = CeilingView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    msp: Msp,
    Path(subject): Path<String>,
) -> Result<Json<CeilingView>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let subject = found(&mut tx, &subject).await?;
    let row = ceiling_of(&mut tx, &subject).await?;
    let (ceiling, changed) = row.map_or((Ceiling::Everything, None), |row| (row.ceiling, Some(row.changed.0)));
    Ok(Json(view(subject.as_str(), &ceiling, changed)))
}

/// Sets a ceiling. Every device that it is for is instructed anew; what it takes away stops there.
#[utoipa::path(put, path = "/api/v1/permission-ceilings/{subject}", tag = "permissions", request_body = CeilingBody, responses(
    (status = 200, body = CeilingView), (status = 404), (status = 422, description = "invalid")))]
pub async fn set(
    State(app): State<Shared>,
    msp: Msp,
    Path(subject): Path<String>,
    Body(body): Body<CeilingBody>,
) -> Result<Json<CeilingView>, Problem> {
    let msp = msp.may(Action::LimitPermissions)?;
    let ceiling = ceiling::read(&body.permissions).map_err(Problem::invalid)?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let subject = found(&mut tx, &subject).await?;
    let before = ceiling_of(&mut tx, &subject).await?.and_then(|row| ceiling::write(&row.ceiling));
    let row = CeilingRow { subject, ceiling, changed: now };
    tx.put_ceiling(&row).await?;
    let details = json!({ "from": before, "to": body.permissions });
    tx.append_audit(msp.account.as_str(), "permission-ceiling.set", row.subject.as_str(), &details, now).await?;
    reassign(&app, &mut tx, &row.subject).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view(row.subject.as_str(), &row.ceiling, Some(now.0))))
}

/// Removes a ceiling: it takes nothing away any more.
#[utoipa::path(delete, path = "/api/v1/permission-ceilings/{subject}", tag = "permissions", responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<Shared>, msp: Msp, Path(subject): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::LimitPermissions)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let subject = found(&mut tx, &subject).await?;
    if !tx.remove_ceiling(&subject).await? {
        return Err(Problem::not_found("ceiling"));
    }
    tx.append_audit(msp.account.as_str(), "permission-ceiling.remove", subject.as_str(), &Value::Null, app.now())
        .await?;
    reassign(&app, &mut tx, &subject).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Enqueues, in this transaction, the new sets of all devices that a ceiling is for.
async fn reassign(app: &Shared, tx: &mut Tx, subject: &Subject) -> Result<(), Problem> {
    for device in tx.devices().await? {
        let meant = match subject {
            Subject::Msp => true,
            Subject::Client(id) => device.client == *id,
            Subject::Device(id) => device.id == *id,
        };
        if meant {
            job::assign(tx, &device.id, app.now()).await?;
        }
    }
    Ok(())
}

/// Says what every installation that is meant for a device may do there, and what a plan or a ceiling takes away.
#[utoipa::path(get, path = "/api/v1/devices/{id}/permissions", tag = "permissions", responses(
    (status = 200, body = DevicePermissions), (status = 404)))]
pub async fn of_device(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Json<DevicePermissions>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let device = tx.device(&super::devices::parse(&id)?).await?.ok_or_else(|| Problem::not_found("device"))?;
    let limits = Limits::of_device(&mut tx, &device).await?;
    let covers = |one: &Installation| one.target.covers(&device.client, &device.location, &device.id);
    let meant: Vec<Installation> = tx.installations().await?.into_iter().filter(covers).collect();
    let releases = tx.releases_by_id(&meant.iter().map(|one| one.release.clone()).collect()).await?;
    let mut installations = Vec::new();
    for installation in meant {
        let Some(release) = releases.get(&installation.release) else { continue };
        let Some(agreed) = item::agreed(release, &installation) else { continue };
        let verdict = limits.judge(&release.manifest, &agreed, &device);
        installations.push(InstalledPermissions {
            installation: installation.id.to_string(),
            accessory: installation.accessory.to_string(),
            version: installation.version.to_string(),
            permitted: verdict.reasons.is_empty(),
            reasons: verdict.reasons.iter().map(ToString::to_string).collect(),
            permissions: verdict.judgement.grants.0.iter().map(|(p, scope)| sentence(*p, scope)).collect(),
            taken: verdict
                .judgement
                .taken
                .iter()
                .map(|taken| TakenView {
                    layer: taken.layer.to_string(),
                    permission: taken.permission.name().to_owned(),
                    whole: taken.whole,
                    lost: taken.lost.clone(),
                    sentence: taken.to_string(),
                })
                .collect(),
        });
    }
    Ok(Json(DevicePermissions { device: device.id.to_string(), installations }))
}
