//! Running a script on demand: asked once, for one or many devices, and watched to its end.

pub mod events;
mod views;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::device::Device;
use fitment_domain::execution::{self, Event, State as Standing, Step};
use fitment_domain::form::with_defaults;
use fitment_domain::id::{DeviceId, RequestId, TenantId, TransactionId};
use fitment_domain::installation::{Installation, check_parameters};
use fitment_domain::manifest::Kind;
use fitment_domain::tenant::Action;
use fitment_domain::time::UnixMs;
use fitment_store::{ExecutionRow, Release, RequestRow, Tx};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

pub use self::views::{ExecutionView, RefusedDevice, RequestList, RequestSummary, RequestView, Requested};
use super::installations::{TargetBody, target};
use super::verified_for;
use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::item;
use crate::limits::Limits;
use crate::problem::{Body, Problem};

/// Devices of one request.
const DEVICES_MAX: usize = 1_000;
const PARAMETERS_BYTES_MAX: usize = 64 * 1024;
/// What may wait for one device.
const WAITING_MAX: i64 = 100;
const DELIVER_WITHIN_S: u64 = 3_600;
const DELIVER_WITHIN_S_MAX: u64 = 30 * 86_400;
const LISTED_MAX: i64 = 100;

/// What to run where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// The installation of a script.
    pub installation: String,
    /// Either these devices …
    pub devices: Option<Vec<String>>,
    /// … or all of `"all"`, `{"client": id}`, `{"location": id}` or `{"device": id}`.
    #[schema(value_type = Option<Value>)]
    pub target: Option<TargetBody>,
    /// Checked against the script's schema.
    pub parameters: Option<Value>,
    /// Seconds until the deadline, 1 to 2,592,000; default: 3,600. What has not begun by then does not run.
    pub deliver_within_s: Option<u64>,
}

async fn wanted(tx: &mut Tx, new: &NewRequest) -> Result<Vec<Device>, Problem> {
    match (&new.devices, &new.target) {
        (Some(ids), None) => {
            if ids.is_empty() || ids.len() > DEVICES_MAX {
                let detail = format!("devices: {} in one request, 1 to {DEVICES_MAX} are accepted", ids.len());
                return Err(Problem::invalid(detail));
            }
            let mut devices: Vec<Device> = Vec::new();
            for id in ids {
                let not_found = || Problem::not_found("device").with("device", id);
                let id = DeviceId::parse(id).map_err(|_| not_found())?;
                let device = tx.device(&id).await?.ok_or_else(not_found)?;
                if !devices.iter().any(|known| known.id == device.id) {
                    devices.push(device);
                }
            }
            Ok(devices)
        }
        (None, Some(body)) => {
            let target = target(tx, body).await?;
            let mut devices = tx.devices().await?;
            devices.retain(|d| target.covers(&d.client, &d.location, &d.id));
            if devices.is_empty() || devices.len() > DEVICES_MAX {
                let detail = format!("target: it has {} devices, 1 to {DEVICES_MAX} are accepted", devices.len());
                return Err(Problem::invalid(detail));
            }
            Ok(devices)
        }
        _ => Err(Problem::invalid("name either devices or a target")),
    }
}

/// Returns the script that an installation names.
async fn script(app: &Shared, tx: &mut Tx, tenant: &TenantId, id: &str) -> Result<(Installation, Release), Problem> {
    let (installation, release) = super::installations::found_with_release(tx, id).await?;
    let release = verified_for(app, tenant, release).await?;
    match release.manifest.kind().map_err(Problem::internal)? {
        Kind::Script => Ok((installation, release)),
        other => {
            let detail =
                format!("installation: {} is a {}, only scripts run on demand", release.accessory, other.as_str());
            Err(Problem::conflict("not-a-script", detail))
        }
    }
}

fn deadline_ms(new: &NewRequest) -> Result<u64, Problem> {
    let seconds = new.deliver_within_s.unwrap_or(DELIVER_WITHIN_S);
    if (1..=DELIVER_WITHIN_S_MAX).contains(&seconds) {
        return Ok(seconds * 1_000);
    }
    Err(Problem::invalid(format!("deliver_within_s is {seconds}, it must be 1 to {DELIVER_WITHIN_S_MAX}")))
}

fn parameters(new: &NewRequest, release: &Release) -> Result<Value, Problem> {
    let parameters = new.parameters.clone().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let schema = release.manifest.parameters_schema.as_ref();
    let parameters = match schema {
        Some(schema) => with_defaults(schema, parameters),
        None => parameters,
    };
    let invalid = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "parameters-invalid", detail);
    if parameters.to_string().len() > PARAMETERS_BYTES_MAX {
        return Err(invalid(format!("parameters: at most {PARAMETERS_BYTES_MAX} bytes of JSON")));
    }
    check_parameters(schema, &parameters).map_err(|e| invalid(e.to_string()))?;
    Ok(parameters)
}

/// Returns every reason why a device gets no order; empty if it gets one.
async fn reasons(
    app: &Shared,
    tx: &mut Tx,
    device: &Device,
    installation: &Installation,
    release: &Release,
    limits: &Limits,
) -> Result<Vec<String>, Problem> {
    let mut reasons = Vec::new();
    if !installation.target.covers(&device.client, &device.location, &device.id) {
        reasons.push("the device is outside the scope of the installation".to_owned());
    }
    reasons.extend(item::mismatches(app, device, release).iter().map(ToString::to_string));
    if let Some(agreed) = item::agreed(release, installation) {
        let verdict = limits.judge(&release.manifest, &agreed, device);
        reasons.extend(verdict.reasons.iter().map(ToString::to_string));
    }
    if reasons.is_empty() && tx.open_executions_of(&device.id, app.now()).await? >= WAITING_MAX {
        reasons.push(format!("{WAITING_MAX} orders wait for the device already"));
    }
    Ok(reasons)
}

/// Asks devices to run a script once. Devices that may not, or that it does not fit, are left out, each with its reasons.
#[utoipa::path(post, path = "/api/v1/requests", tag = "requests", request_body = NewRequest, responses(
    (status = 202, body = Requested),
    (status = 409, description = "not-a-script, does-not-fit (no device is left) or does-not-verify"),
    (status = 422, description = "the parameters break the script's schema")))]
pub async fn make(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewRequest>,
) -> Result<(StatusCode, Json<Requested>), Problem> {
    let msp = msp.may(Action::RunScripts)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let (installation, release) = script(&app, &mut tx, &msp.access.tenant, &new.installation).await?;
    drop(tx);
    let parameters = parameters(&new, &release)?;
    let budget = item::budget(&release, &installation).map_err(Problem::internal)?;
    let now = app.now();
    let request = RequestRow {
        id: RequestId::from_random(clock::random()?),
        requester: msp.account.clone(),
        installation: installation.id.clone(),
        release: release.id.clone(),
        accessory: release.accessory.clone(),
        version: release.version.clone(),
        digest: release.digest.clone(),
        config: installation.config.clone(),
        parameters,
        wall_ms_max: budget.wall_ms_max,
        made: now,
        deliver_by: now.plus_ms(deadline_ms(&new)?),
    };
    let mut tx = app.store.begin(msp.scope()).await?;
    let (mut executions, mut refused) = (Vec::new(), Vec::new());
    let devices = wanted(&mut tx, &new).await?;
    // What is done to devices that the caller sees may count and keep what the caller does not.
    tx.widen()?;
    let limits = Limits::read(&mut tx).await?;
    for device in devices {
        let reasons = reasons(&app, &mut tx, &device, &installation, &release, &limits).await?;
        if reasons.is_empty() {
            let id = TransactionId::from_random(clock::random()?);
            executions.push((ExecutionRow::waiting(id, request.id.clone(), device.id), device.name));
        } else {
            refused.push(RefusedDevice { device: device.id.to_string(), name: device.name, reasons });
        }
    }
    if executions.is_empty() {
        let detail = format!("{} {} can run on none of these devices", request.accessory, request.version);
        return Err(Problem::conflict("does-not-fit", detail).with("devices", refused));
    }
    let rows: Vec<ExecutionRow> = executions.iter().map(|(row, _)| row.clone()).collect();
    tx.insert_request(&request, &rows).await?;
    let details = serde_json::json!({
        "accessory": request.accessory, "version": request.version, "digest": request.digest,
        "installation": request.installation, "parameters": request.parameters, "deliver_by_ms": request.deliver_by.0,
        "executions": rows.iter().map(|row| (row.id.as_str(), row.device.as_str())).collect::<Vec<_>>(),
    });
    tx.append_audit(msp.account.as_str(), "request.make", request.id.as_str(), &details, now).await?;
    tx.commit().await?;
    app.orders.add(rows.iter().map(|row| (row.device.clone(), row.id.clone())), request.deliver_by);
    let request = views::request(&request, &executions, now);
    Ok((StatusCode::ACCEPTED, Json(Requested { request, refused })))
}

/// Finds a request with its executions and the names of their devices.
async fn find(tx: &mut Tx, id: &str) -> Result<(RequestRow, Vec<(ExecutionRow, String)>), Problem> {
    let not_found = || Problem::not_found("request");
    let id = RequestId::parse(id).map_err(|_| not_found())?;
    let request = tx.request(&id).await?.ok_or_else(not_found)?;
    let executions = tx.executions(&id).await?;
    if executions.is_empty() { Err(not_found()) } else { Ok((request, executions)) }
}

/// Lists the newest requests, at most 100, with how many executions stand where.
#[utoipa::path(get, path = "/api/v1/requests", tag = "requests", responses((status = 200, body = RequestList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<RequestList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let rows = tx.requests(LISTED_MAX).await?;
    let standings = tx.standings(&rows, app.now()).await?;
    let requests = rows.iter().zip(&standings).map(|(row, standing)| views::summary(row, standing)).collect();
    Ok(Json(RequestList { requests }))
}

/// Shows a request: where each device stands, its progress, outcome, output, log and cost.
#[utoipa::path(get, path = "/api/v1/requests/{id}", tag = "requests", responses(
    (status = 200, body = RequestView), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<RequestView>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let (request, executions) = find(&mut app.store.read(msp.scope()).await?, &id).await?;
    Ok(Json(views::request(&request, &executions, app.now())))
}

/// Takes back what has not started. What has started goes on, and the answer says where it stands.
#[utoipa::path(delete, path = "/api/v1/requests/{id}", tag = "requests", responses(
    (status = 200, body = RequestView), (status = 404), (status = 409, description = "nothing-to-cancel")))]
pub async fn cancel(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<RequestView>, Problem> {
    let msp = msp.may(Action::RunScripts)?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let (request, mut executions) = find(&mut tx, &id).await?;
    tx.widen()?;
    let mut cancelled = Vec::new();
    for (execution, _) in &mut executions {
        if let Ok(Step::To(next)) = execution::step(execution.at(&request, now), Event::Cancel) {
            execution.state = next;
            execution.ended = Some(now);
            tx.put_execution(execution).await?;
            cancelled.push((execution.device.clone(), execution.id.clone()));
        }
    }
    if cancelled.is_empty() {
        return Err(Problem::conflict("nothing-to-cancel", "every execution of this request has started or is over"));
    }
    let details =
        serde_json::json!({ "transactions": cancelled.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>() });
    tx.append_audit(msp.account.as_str(), "request.cancel", request.id.as_str(), &details, now).await?;
    tx.commit().await?;
    cancelled.iter().for_each(|(device, id)| app.orders.remove(device, id));
    app.orders.changed(&request.id);
    Ok(Json(views::request(&request, &executions, now)))
}

/// Returns whether every execution has come to an end.
fn all_over(request: &RequestRow, executions: &[(ExecutionRow, String)], now: UnixMs) -> bool {
    executions.iter().all(|(row, _)| Standing::is_over(row.at(request, now)))
}
