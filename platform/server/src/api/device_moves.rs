//! Where devices are moved by hand: within a client, and from one client to another.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::ceiling::Subject;
use fitment_domain::device::Device;
use fitment_domain::id::DeviceId;
use fitment_domain::location::LocationSource;
use fitment_domain::tenant::{Action, Location};
use fitment_domain::time::UnixMs;
use fitment_store::{CeilingRow, Tx};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::ceilings::ceiling_of;
use super::device_life::{nothing_runs, put_away};
use super::devices::{DeviceView, in_use, location, view};
use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::job;
use crate::locate;
use crate::problem::{Body, Problem};

/// Where a device goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// A location, by its id.
    location: String,
}

/// Moves a device by hand: from now on nothing else decides on its location. At another client it is a new device, with an id of
/// its own: its agent goes with it, and its history stays where it was made.
#[utoipa::path(put, path = "/api/v1/devices/{id}/location", tag = "devices", request_body = Move, responses(
    (status = 200, body = DeviceView), (status = 404), (status = 409, description = "device-retired, or runs-scripts")))]
pub async fn move_to(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(wanted): Body<Move>,
) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let there = location(&mut tx, &wanted.location).await?;
    let mut device = in_use(&mut tx, &id).await?;
    tx.widen()?;
    let details = json!({ "from": device.location, "by_hand": there.id });
    tx.append_audit(msp.account.as_str(), "device.move", device.id.as_str(), &details, app.now()).await?;
    if there.client == device.client {
        device.location_by_hand = Some(there.id);
        locate::settle(&mut tx, &mut device, app.now()).await?;
    } else {
        device = go_to(&mut tx, &device, &there, app.now()).await?;
    }
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view(device)))
}

/// Takes back what was chosen by hand: its agent, its address or its zero certificate decide again.
#[utoipa::path(delete, path = "/api/v1/devices/{id}/location", tag = "devices", responses(
    (status = 200, body = DeviceView), (status = 404), (status = 409, description = "device-retired, or no-other-location")))]
pub async fn move_back(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut device = in_use(&mut tx, &id).await?;
    tx.widen()?;
    if !device.has_agent {
        let detail = format!("{} has no agent: nothing else says where it is", device.name);
        return Err(Problem::conflict("no-other-location", detail));
    }
    device.location_by_hand = None;
    locate::settle(&mut tx, &mut device, app.now()).await?;
    let details = json!({ "to": device.location });
    tx.append_audit(msp.account.as_str(), "device.move-back", device.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view(device)))
}

/// Makes the device anew at another client and retires it where it was. One record would hand the old client's alerts, tickets,
/// samples and scripts' output to whoever is there for the new one.
async fn go_to(tx: &mut Tx, device: &Device, there: &Location, now: UnixMs) -> Result<Device, Problem> {
    nothing_runs(tx, device, now).await?;
    let moved = Device {
        id: DeviceId::from_random(clock::random()?),
        client: there.client.clone(),
        location: there.id.clone(),
        location_source: LocationSource::Hand,
        location_by_hand: Some(there.id.clone()),
        // What its zero certificate says is the other client's.
        home: there.id.clone(),
        ..device.clone()
    };
    tx.insert_device(&moved).await?;
    tx.hand_over_agent(&device.id, &moved.id).await?;
    // What it was limited to goes with it: a move lets nothing do more.
    if let Some(row) = ceiling_of(tx, &Subject::Device(device.id.clone())).await? {
        tx.put_ceiling(&CeilingRow { subject: Subject::Device(moved.id.clone()), ..row }).await?;
    }
    put_away(tx, device, now).await?;
    job::assign(tx, &moved.id, now).await?;
    Ok(moved)
}
