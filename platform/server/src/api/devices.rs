//! Devices.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use fitment_domain::alert::Closing;
use fitment_domain::device::{Device, Facts, Origin};
use fitment_domain::id::{DeviceId, LocationId};
use fitment_domain::run::Fact;
use fitment_domain::tenant::{Action, Location, check_display_name};
use fitment_store::Tx;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::closing;
use crate::job;
use crate::locate;
use crate::problem::{Body, Problem};

/// A device.
#[derive(Clone, Serialize, ToSchema)]
pub struct DeviceView {
    pub id: String,
    pub name: String,
    pub client: String,
    pub location: String,
    /// What decided on the location: `hand`, `agent`, `address` or `zero-certificate`.
    pub location_source: &'static str,
    /// By name; `GET /api/v1/facts` says what each means.
    pub facts: BTreeMap<String, Value>,
    /// Who said which fact, where it was not the agent: `hand` or `import`.
    pub fact_origins: BTreeMap<String, &'static str>,
    /// Who said that it exists: `agent`, `hand` or `import`.
    pub origin: &'static str,
    /// Whether an agent enrolled for it; without one it is only known.
    pub has_agent: bool,
    /// The address from which its agent connected last.
    pub address: Option<String>,
    /// When it enrolled, or was entered.
    pub enrolled_ms: i64,
    /// 0 if it was never heard of.
    pub last_seen_ms: i64,
    pub revoked_ms: Option<i64>,
    /// Out of use since then.
    pub retired_ms: Option<i64>,
}

/// The tenant's devices.
#[derive(Serialize, ToSchema)]
pub struct DeviceList {
    pub devices: Vec<DeviceView>,
}

/// Which devices.
#[derive(Deserialize, Default, IntoParams)]
pub struct WhichDevices {
    /// Those that are out of use instead.
    #[serde(default)]
    pub retired: bool,
}

/// A device to be known without an agent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// 1 to 120 characters.
    name: String,
    /// A location, by its id.
    location: String,
    /// By name: texts, numbers, true or false, lists of texts. `serial` or `machine-id` let its agent find it later.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>)]
    facts: BTreeMap<String, Value>,
}

/// What changes of a device; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// 1 to 120 characters.
    name: Option<String>,
    /// Facts that its agent does not report; null takes one away.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, Value>)]
    facts: BTreeMap<String, Value>,
}

fn plain(fact: &Fact) -> Value {
    match fact {
        Fact::Text(text) => json!(text),
        Fact::Number(number) => json!(number),
        Fact::Flag(flag) => json!(flag),
        Fact::Many(many) => json!(many),
    }
}

pub(super) fn view(device: Device) -> DeviceView {
    DeviceView {
        id: device.id.to_string(),
        name: device.name,
        client: device.client.to_string(),
        location: device.location.to_string(),
        location_source: device.location_source.as_str(),
        facts: device.facts.0.iter().map(|(name, fact)| (name.clone(), plain(fact))).collect(),
        fact_origins: device.origins.into_iter().map(|(name, origin)| (name, origin.as_str())).collect(),
        origin: device.origin.as_str(),
        has_agent: device.has_agent,
        address: device.peer,
        enrolled_ms: device.enrolled.0,
        last_seen_ms: device.last_seen.0,
        revoked_ms: device.revoked.map(|at| at.0),
        retired_ms: device.retired.map(|at| at.0),
    }
}

pub(super) fn parse(id: &str) -> Result<DeviceId, Problem> {
    DeviceId::parse(id).map_err(|_| Problem::not_found("device"))
}

/// Returns a device that is in use.
pub(super) async fn in_use(tx: &mut Tx, id: &str) -> Result<Device, Problem> {
    let device = tx.device(&parse(id)?).await?.ok_or_else(|| Problem::not_found("device"))?;
    match device.retired {
        None => Ok(device),
        Some(_) => Err(Problem::conflict("device-retired", format!("{} is out of use", device.name))),
    }
}

pub(super) async fn location(tx: &mut Tx, id: &str) -> Result<Location, Problem> {
    let not_found = || Problem::not_found("location");
    let id = LocationId::parse(id).map_err(|_| not_found())?;
    tx.location(&id).await?.ok_or_else(not_found)
}

fn fact(name: &str, value: Value) -> Result<Fact, Problem> {
    let wrong =
        || Problem::invalid(format!("facts.{name}: it must be a text, a number, true or false, or a list of texts"));
    match value {
        Value::String(text) => Ok(Fact::Text(text)),
        Value::Number(number) => number.as_f64().map(Fact::Number).ok_or_else(wrong),
        Value::Bool(flag) => Ok(Fact::Flag(flag)),
        Value::Array(many) => {
            let texts = many.into_iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong));
            Ok(Fact::Many(texts.collect::<Result<_, _>>()?))
        }
        Value::Null | Value::Object(_) => Err(wrong()),
    }
}

fn facts(stated: BTreeMap<String, Value>) -> Result<Facts, Problem> {
    let facts = stated.into_iter().map(|(name, value)| Ok((name.clone(), fact(&name, value)?)));
    let facts = Facts(facts.collect::<Result<_, Problem>>()?);
    facts.check().map_err(|e| Problem::invalid(format!("facts: {e}")))?;
    Ok(facts)
}

/// Lists the devices.
#[utoipa::path(get, path = "/api/v1/devices", tag = "devices", params(WhichDevices), responses((status = 200, body = DeviceList)))]
pub async fn list(
    State(app): State<Shared>,
    msp: Msp,
    Query(which): Query<WhichDevices>,
) -> Result<Json<DeviceList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let rows = if which.retired { tx.retired_devices().await? } else { tx.devices().await? };
    Ok(Json(DeviceList { devices: rows.into_iter().map(view).collect() }))
}

/// Enters a device by hand. It is known without an agent; an agent that enrols in the same client with the same serial number or
/// machine id takes the record over.
#[utoipa::path(post, path = "/api/v1/devices", tag = "devices", request_body = NewDevice, responses(
    (status = 201, body = DeviceView), (status = 404, description = "no such location"), (status = 409, description = "known-already"), (status = 422)))]
pub async fn add(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewDevice>,
) -> Result<(StatusCode, Json<DeviceView>), Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    check_display_name("name", &new.name).map_err(Problem::invalid)?;
    let facts = facts(new.facts)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let home = location(&mut tx, &new.location).await?;
    tx.widen()?;
    if let Some(known) = known_already(&mut tx, &home, &facts).await? {
        return Err(Problem::conflict("known-already", already(&known)).with("device", known.id));
    }
    let id = DeviceId::from_random(clock::random()?);
    let device = Device::new(id, new.name, &home, facts, Origin::Hand, app.now());
    tx.insert_device(&device).await?;
    let details = json!({ "name": device.name, "location": device.location });
    tx.append_audit(msp.account.as_str(), "device.add", device.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(view(device))))
}

/// Returns the device of a client that has this serial number or machine id already.
pub(super) async fn known_already(tx: &mut Tx, home: &Location, facts: &Facts) -> Result<Option<Device>, Problem> {
    let identity = facts.identity();
    if identity.is_empty() {
        return Ok(None);
    }
    Ok(tx.devices_like(&identity).await?.into_iter().find(|device| device.client == home.client))
}

pub(super) fn already(known: &Device) -> String {
    format!("{} ({}) has this serial or machine-id already", known.name, known.id)
}

/// Shows one device.
#[utoipa::path(get, path = "/api/v1/devices/{id}", tag = "devices", responses((status = 200, body = DeviceView), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let device = app.store.read(msp.scope()).await?.device(&parse(&id)?).await?;
    Ok(Json(view(device.ok_or_else(|| Problem::not_found("device"))?)))
}

/// Renames a device, and states facts that its agent does not report.
#[utoipa::path(patch, path = "/api/v1/devices/{id}", tag = "devices", request_body = DeviceChange, responses(
    (status = 200, body = DeviceView), (status = 404), (status = 409, description = "device-retired, or fact-of-the-agent"), (status = 422)))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(change): Body<DeviceChange>,
) -> Result<Json<DeviceView>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let names: Vec<String> = change.facts.keys().cloned().collect();
    let (gone, stated): (BTreeMap<_, _>, BTreeMap<_, _>) =
        change.facts.into_iter().partition(|(_, value)| value.is_null());
    let stated = facts(stated)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut device = in_use(&mut tx, &id).await?;
    tx.widen()?;
    if let Some(name) = change.name {
        check_display_name("name", &name).map_err(Problem::invalid)?;
        device.name = name;
    }
    let mut reported = device.state(stated, Origin::Hand);
    for name in gone.into_keys() {
        match device.origins.remove(&name) {
            Some(_) => drop(device.facts.0.remove(&name)),
            None if device.facts.0.contains_key(&name) => reported.push(name),
            None => {}
        }
    }
    if !reported.is_empty() {
        let detail =
            format!("{}: its agent reports {}; what people say is for other facts", device.name, reported.join(", "));
        return Err(Problem::conflict("fact-of-the-agent", detail).with("facts", reported));
    }
    device.facts.check().map_err(|e| Problem::invalid(format!("facts: {e}")))?;
    locate::settle(&mut tx, &mut device, app.now()).await?;
    job::assign(&mut tx, &device.id, app.now()).await?;
    let details = json!({ "name": device.name, "facts": names });
    tx.append_audit(msp.account.as_str(), "device.change", device.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(view(device)))
}

/// Revokes a device: from its next request on it is refused. Nobody looks any more: its alerts close.
#[utoipa::path(post, path = "/api/v1/devices/{id}/revocation", tag = "devices", responses((status = 204), (status = 404)))]
pub async fn revoke(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let id = parse(&id)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.revoke_device(&id, app.now()).await? {
        return Err(Problem::not_found("device"));
    }
    tx.widen()?;
    closing::of_device(&mut tx, &id, &Closing::DeviceRevoked, app.now()).await?;
    tx.append_audit(msp.account.as_str(), "device.revoke", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
