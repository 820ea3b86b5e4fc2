//! An MSP's clients and their locations.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::id::{ClientId, LocationId};
use fitment_domain::tenant::{Action, Client, Location, check_display_name};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::problem::{Body, Problem};

/// A client to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClient {
    /// 1 to 120 characters.
    pub name: String,
}

/// A client.
#[derive(Serialize, ToSchema)]
pub struct ClientView {
    pub id: String,
    pub name: String,
}

/// The tenant's clients.
#[derive(Serialize, ToSchema)]
pub struct ClientList {
    pub clients: Vec<ClientView>,
}

/// A location to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLocation {
    pub client: String,
    /// 1 to 120 characters.
    pub name: String,
}

/// A location.
#[derive(Serialize, ToSchema)]
pub struct LocationView {
    pub id: String,
    pub client: String,
    pub name: String,
}

/// The tenant's locations.
#[derive(Serialize, ToSchema)]
pub struct LocationList {
    pub locations: Vec<LocationView>,
}

fn client_view(client: Client) -> ClientView {
    ClientView { id: client.id.to_string(), name: client.name }
}

fn location_view(location: Location) -> LocationView {
    LocationView { id: location.id.to_string(), client: location.client.to_string(), name: location.name }
}

/// Lists the clients.
#[utoipa::path(get, path = "/api/v1/clients", tag = "tenants", responses((status = 200, body = ClientList)))]
pub async fn clients(State(app): State<Shared>, msp: Msp) -> Result<Json<ClientList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let rows = app.store.read(msp.scope()).await?.clients().await?;
    Ok(Json(ClientList { clients: rows.into_iter().map(client_view).collect() }))
}

/// Adds a client.
#[utoipa::path(post, path = "/api/v1/clients", tag = "tenants", request_body = NewClient, responses(
    (status = 201, body = ClientView), (status = 409, description = "exists: another client is called so")))]
pub async fn add_client(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewClient>,
) -> Result<(StatusCode, Json<ClientView>), Problem> {
    let msp = msp.may(Action::ManageClients)?;
    check_display_name("name", &new.name).map_err(Problem::invalid)?;
    let client = Client { id: ClientId::from_random(clock::random()?), name: new.name };
    let mut tx = app.store.begin(msp.scope()).await?;
    unused("client", &client.name, tx.clients().await?.iter().map(|known| known.name.as_str()))?;
    tx.insert_client(&client).await?;
    let details = serde_json::json!({ "name": client.name });
    tx.append_audit(msp.account.as_str(), "client.add", client.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(client_view(client))))
}

/// Refuses a name that people could not tell from one that is there.
fn unused<'a>(what: &str, name: &str, mut known: impl Iterator<Item = &'a str>) -> Result<(), Problem> {
    match known.find(|one| one.trim().to_lowercase() == name.trim().to_lowercase()) {
        Some(one) => {
            Err(Problem::conflict("exists", format!("a {what} is called {one:?} already: choose another name")))
        }
        None => Ok(()),
    }
}

/// Lists the locations.
#[utoipa::path(get, path = "/api/v1/locations", tag = "tenants", responses((status = 200, body = LocationList)))]
pub async fn locations(State(app): State<Shared>, msp: Msp) -> Result<Json<LocationList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let rows = app.store.read(msp.scope()).await?.locations().await?;
    Ok(Json(LocationList { locations: rows.into_iter().map(location_view).collect() }))
}

/// Adds a location to a client.
#[utoipa::path(post, path = "/api/v1/locations", tag = "tenants", request_body = NewLocation, responses(
    (status = 201, body = LocationView), (status = 404, description = "no such client"),
    (status = 409, description = "exists: another location of the client is called so")))]
pub async fn add_location(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewLocation>,
) -> Result<(StatusCode, Json<LocationView>), Problem> {
    let msp = msp.may(Action::ManageDevices)?;
    check_display_name("name", &new.name).map_err(Problem::invalid)?;
    let client = ClientId::parse(&new.client).map_err(|_| Problem::not_found("client"))?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if tx.client(&client).await?.is_none() {
        return Err(Problem::not_found("client"));
    }
    tx.widen()?;
    let location = Location { id: LocationId::from_random(clock::random()?), client, name: new.name };
    let there = tx.locations().await?;
    let names = there.iter().filter(|known| known.client == location.client).map(|known| known.name.as_str());
    unused("location of this client", &location.name, names)?;
    tx.insert_location(&location).await?;
    let details = serde_json::json!({ "name": location.name, "client": location.client });
    tx.append_audit(msp.account.as_str(), "location.add", location.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(location_view(location))))
}
