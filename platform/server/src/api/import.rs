//! Devices from a table that people bring.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use fitment_domain::device::{Device, Origin};
use fitment_domain::id::DeviceId;
use fitment_domain::import::{BadLine, Line, read};
use fitment_domain::location::Place;
use fitment_domain::tenant::{Action, Location};
use fitment_store::Tx;
use serde::Serialize;
use utoipa::ToSchema;

use super::devices::{DeviceView, already, known_already, view};
use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::problem::Problem;

/// Bytes of a table.
pub const BYTES_MAX: usize = 2 * 1024 * 1024;

/// What became of a table.
#[derive(Serialize, ToSchema)]
pub struct Imported {
    pub devices: Vec<DeviceView>,
    /// Lines that were not taken: line, field and problem of each.
    #[schema(value_type = Vec<Object>)]
    pub errors: Vec<BadLine>,
}

/// Imports devices from CSV. The first line names the columns: `name`, and perhaps `client`, `location` and facts such as `serial`.
/// Good lines are taken, and each of the others says why it is not. Client and location go by name, and may be left out where
/// there is only one.
#[utoipa::path(post, path = "/api/v1/devices/import", tag = "devices", request_body(content = String, content_type = "text/csv"), responses(
    (status = 200, body = Imported), (status = 415), (status = 422, description = "invalid: the table does not read")))]
pub async fn devices(
    State(app): State<Shared>,
    msp: Msp,
    headers: HeaderMap,
    text: String,
) -> Result<Json<Imported>, Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/csv") {
        let detail = "send the table as text/csv";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-csv", detail));
    }
    let (lines, mut errors) = read(&text).map_err(Problem::invalid)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut places = Vec::new();
    let clients = tx.clients().await?;
    tx.widen()?;
    for client in clients {
        places.extend(tx.places(&client.id).await?);
    }
    let mut devices = Vec::new();
    for line in lines {
        let number = line.number;
        match take(&app, &mut tx, line, &places).await? {
            Ok(device) => devices.push(view(device)),
            Err((field, problem)) => errors.push(BadLine { line: number, field: field.to_owned(), problem }),
        }
    }
    errors.sort_by_key(|error| error.line);
    let details = serde_json::json!({ "devices": devices.len(), "errors": errors.len() });
    tx.append_audit(msp.account.as_str(), "device.import", msp.access.tenant.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok(Json(Imported { devices, errors }))
}

type Refused = (&'static str, String);

async fn take(app: &Shared, tx: &mut Tx, line: Line, places: &[Place]) -> Result<Result<Device, Refused>, Problem> {
    let home = match place(&line, places) {
        Ok(home) => home,
        Err(refused) => return Ok(Err(refused)),
    };
    if let Some(known) = known_already(tx, home, &line.facts).await? {
        return Ok(Err(("serial", already(&known))));
    }
    let id = DeviceId::from_random(clock::random()?);
    let device = Device::new(id, line.name, home, line.facts, Origin::Import, app.now());
    tx.insert_device(&device).await?;
    Ok(Ok(device))
}

/// Finds the location that a line names.
fn place<'a>(line: &Line, places: &'a [Place]) -> Result<&'a Location, Refused> {
    let of_client = |p: &&Place| line.client.is_empty() || p.client_name.eq_ignore_ascii_case(&line.client);
    let here: Vec<&Place> = places.iter().filter(of_client).collect();
    if here.is_empty() {
        return Err(("client", format!("no client {:?} with a location", line.client)));
    }
    let named = |p: &&&Place| line.location.is_empty() || p.location.name.eq_ignore_ascii_case(&line.location);
    let mut found = here.iter().filter(named);
    match (found.next(), found.next()) {
        (Some(place), None) => Ok(&place.location),
        (None, _) => Err(("location", format!("no location {:?} of this client", line.location))),
        (Some(_), Some(_)) => Err(("location", "several locations are meant: name client and location".to_owned())),
    }
}
