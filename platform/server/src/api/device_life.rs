//! What becomes of devices: set up anew, cloned, out of use.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::alert::Closing;
use fitment_domain::ceiling::Subject;
use fitment_domain::device::{Device, Facts, Kinship, kinship};
use fitment_domain::tenant::Action;
use fitment_domain::time::UnixMs;
use fitment_store::{CeilingRow, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::ceilings::ceiling_of;
use super::devices::{DeviceView, in_use, view};
use crate::app::Shared;
use crate::auth::Msp;
use crate::closing;
use crate::job;
use crate::locate;
use crate::observe::ObserveError;
use crate::problem::{Body, Problem};

/// The most pairs that are listed.
const PAIRS_MAX: usize = 200;

/// Two devices that say that they are the same machine.
#[derive(Serialize, ToSchema)]
pub struct Pair {
    /// `re-image`: the older one fell silent, it was probably set up anew; `duplicate`: both are alive.
    pub kinship: &'static str,
    pub older: DeviceView,
    pub newer: DeviceView,
    /// What to do.
    pub remedy: String,
}

/// Devices that say that they are the same machine.
#[derive(Serialize, ToSchema)]
pub struct PairList {
    pub duplicates: Vec<Pair>,
}

/// Which device the machine enrolled as meanwhile.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReImage {
    /// The device that the machine enrolled as after it was set up anew. Without: it will enrol, and take the record over then.
    device: Option<String>,
}

/// Lists the devices that have the same serial number or machine id, in pairs: the newer one with the one before it.
#[utoipa::path(get, path = "/api/v1/devices/duplicates", tag = "devices", responses((status = 200, body = PairList)))]
pub async fn duplicates(State(app): State<Shared>, msp: Msp) -> Result<Json<PairList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let devices = app.store.read(msp.scope()).await?.twins().await?;
    let mut pairs = Vec::new();
    for (at, newer) in devices.iter().enumerate() {
        let identity = newer.facts.identity();
        if let Some(older) = devices[..at].iter().rfind(|older| older.facts.identity().meets(&identity)) {
            pairs.push(pair(older, newer));
        }
    }
    pairs.truncate(PAIRS_MAX);
    Ok(Json(PairList { duplicates: pairs }))
}

fn pair(older: &Device, newer: &Device) -> Pair {
    let (kinship, remedy) = match kinship(older, newer) {
        Kinship::ReImage => (
            "re-image",
            format!("if {} is {} set up anew, confirm it: its history goes on (re-image)", newer.name, older.name),
        ),
        Kinship::Duplicate => ("duplicate", "give the clone a machine id of its own, and enrol it again".to_owned()),
    };
    Pair { kinship, older: view(older.clone()), newer: view(newer.clone()), remedy }
}

/// Takes a device out of use: its certificates are refused, its alerts close, and lists and fit leave it out. Its history stays.
#[utoipa::path(post, path = "/api/v1/devices/{id}/retirement", tag = "devices", responses(
    (status = 204), (status = 404), (status = 409, description = "device-retired")))]
pub async fn retire(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let device = in_use(&mut tx, &id).await?;
    tx.widen()?;
    let name = device.name.clone();
    put_away(&mut tx, &device, app.now()).await?;
    tx.append_audit(msp.account.as_str(), "device.retire", device.id.as_str(), &json!({ "name": name }), app.now())
        .await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a device out of use.
pub(super) async fn put_away(tx: &mut Tx, device: &Device, now: UnixMs) -> Result<(), ObserveError> {
    let retired = Device { revoked: device.revoked.or(Some(now)), retired: Some(now), ..device.clone() };
    tx.update_device(&retired).await?;
    closing::of_device(tx, &device.id, &Closing::DeviceRetired, now).await
}

/// Refuses while a script runs on a device or waits for it: its result would find another device in its place.
pub(super) async fn nothing_runs(tx: &mut Tx, device: &Device, now: UnixMs) -> Result<(), Problem> {
    match tx.unfinished_executions_of(&device.id, now).await? {
        0 => Ok(()),
        many => Err(Problem::conflict(
            "runs-scripts",
            format!("{many} runs of scripts on {} are not over: wait for them, or cancel the requests", device.name),
        )),
    }
}

/// Confirms that a machine is set up anew: its history goes on under the same device.
#[utoipa::path(post, path = "/api/v1/devices/{id}/re-image", tag = "devices", request_body = ReImage, responses(
    (status = 200, body = DeviceView), (status = 404),
    (status = 409, description = "not-the-same-machine, no-identity, runs-scripts, or device-retired")))]
pub async fn re_image(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(how): Body<ReImage>,
) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut device = in_use(&mut tx, &id).await?;
    let newer = match &how.device {
        Some(newer) => Some(in_use(&mut tx, newer).await?),
        None => None,
    };
    tx.widen()?;
    if device.facts.identity().is_empty() {
        let detail = format!("{} has neither serial nor machine-id: state one by hand first", device.name);
        return Err(Problem::conflict("no-identity", detail));
    }
    match newer {
        None => tx.expect_image(&device.id, now).await?,
        Some(newer) => go_on(&mut tx, &mut device, newer, now).await?,
    }
    let details = json!({ "enrolled_as": how.device });
    tx.append_audit(msp.account.as_str(), "device.re-image", device.id.as_str(), &details, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view(device)))
}

/// What the newer device was limited to goes on: this lets nothing do more.
async fn keep_ceiling(tx: &mut Tx, device: &Device, newer: &Device) -> Result<(), Problem> {
    let of = |device: &Device| Subject::Device(device.id.clone());
    let Some(row) = ceiling_of(tx, &of(newer)).await? else { return Ok(()) };
    if ceiling_of(tx, &of(device)).await?.is_some() {
        let detail =
            format!("{} and {} both have a permission ceiling: remove one of them first", device.name, newer.name);
        return Err(Problem::conflict("two-ceilings", detail));
    }
    tx.put_ceiling(&CeilingRow { subject: of(device), ..row }).await?;
    Ok(())
}

/// Lets the agent of a newer device go on as the older one: it keeps its key and the id by which it knows itself.
async fn go_on(tx: &mut Tx, device: &mut Device, newer: Device, now: UnixMs) -> Result<(), Problem> {
    let same = device.facts.identity().meets(&newer.facts.identity()) && device.client == newer.client;
    if device.id == newer.id || !same || !newer.has_agent || newer.revoked.is_some() || device.revoked.is_some() {
        let detail = format!(
            "{} and {} must be two devices of one client with the same serial or machine-id, and neither revoked",
            device.name, newer.name
        );
        return Err(Problem::conflict("not-the-same-machine", detail));
    }
    nothing_runs(tx, &newer, now).await?;
    keep_ceiling(tx, device, &newer).await?;
    tx.end_agent(&device.id, now).await?;
    tx.hand_over_agent(&newer.id, &device.id).await?;
    put_away(tx, &newer, now).await?;
    for mut installation in tx.installations().await? {
        let target = installation.target.clone().with_device_replaced(&newer.id, &device.id);
        if target != installation.target {
            installation.target = target;
            tx.update_installation(&installation).await?;
        }
    }
    let reported = newer.facts.0.iter().filter(|(name, _)| !newer.origins.contains_key(*name));
    device.report(Facts(reported.map(|(n, f)| (n.clone(), f.clone())).collect()));
    device.agent_id = newer.agent_id;
    device.has_agent = true;
    (device.home, device.peer, device.enrolled, device.last_seen) =
        (newer.home, newer.peer, newer.enrolled, newer.last_seen);
    locate::settle(tx, device, now).await?;
    job::assign(tx, &device.id, now).await?;
    Ok(())
}
