//! Connections to ticketing systems: a connector, an address, a sealed credential.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::capability::Permission;
use fitment_domain::id::{ClientId, ConnectionId};
use fitment_domain::manifest::{AccessoryName, Kind};
use fitment_domain::matching::state_mismatch;
use fitment_domain::origin::Origin;
use fitment_domain::tenant::{Action, check_display_name};
use fitment_domain::ticket::remote::{Answer, Call, Description, Error};
use fitment_store::{Connection, Release, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::installations::{agreed, configured};
use super::{find_release, verified_for};
use crate::app::{App, Shared};
use crate::auth::{Msp, Permitted};
use crate::clock;
use crate::connector::{self, ConnectorError};
use crate::in_step;
use crate::problem::{Body, Problem};
use crate::sealed::{self, Secrets};

const SECRET_BYTES_MAX: usize = 8 * 1024;
const URL_BYTES_MAX: usize = 500;

/// A connection to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConnection {
    /// 1 to 120 characters.
    pub name: String,
    /// The connector, `publisher/name`.
    pub accessory: String,
    /// Default: the newest that is published.
    pub version: Option<String>,
    /// Where the other system is, `https://host` or `http://host:port`; the one origin that the connector reaches.
    pub url: String,
    /// Checked against the connector's schema; `url` is added.
    #[schema(value_type = Option<Value>)]
    pub config: Option<serde_json::Map<String, Value>>,
    /// Secrets by the names that the connector asks for. Sealed; never shown again.
    #[serde(default)]
    pub secrets: Secrets,
    /// The names of the permissions that somebody agreed to.
    #[serde(default)]
    pub consent: BTreeSet<String>,
    /// The status that closes a ticket there, 1 to 120 characters; default `resolved`.
    pub closed_status: Option<String>,
    /// A client, by its id: tickets of its devices go here. Default: those of every client that has no connection of its own.
    pub client: Option<String>,
}

/// A connection, without its secrets.
#[derive(Serialize, ToSchema)]
pub struct ConnectionView {
    pub id: String,
    pub name: String,
    pub accessory: String,
    pub version: String,
    pub url: String,
    /// `ok`, `auth-failed` or `away`.
    pub state: String,
    pub problem: Option<String>,
    /// Our account there.
    pub account: Option<String>,
    pub closed_status: String,
    /// Whose tickets it carries; none for those of every client that has no connection of its own.
    pub client: Option<String>,
}

/// A connection that was made.
#[derive(Serialize, ToSchema)]
pub struct Connected {
    pub connection: ConnectionView,
}

/// The tenant's connections.
#[derive(Serialize, ToSchema)]
pub struct ConnectionList {
    pub connections: Vec<ConnectionView>,
}

pub(super) fn view(connection: &Connection, release: &Release) -> ConnectionView {
    ConnectionView {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        accessory: release.accessory.to_string(),
        version: release.version.to_string(),
        url: connection.url.clone(),
        state: connection.state.clone(),
        problem: connection.problem.clone(),
        account: connection.account.clone(),
        closed_status: connection.closed_status.clone(),
        client: connection.client.as_ref().map(ToString::to_string),
    }
}

pub(super) fn check_secrets(release: &Release, secrets: &Secrets) -> Result<(), Problem> {
    let asked = release.manifest.asked().map_err(Problem::internal)?;
    let names = asked.scope(Permission::Http).map(|scope| scope.secrets.clone()).unwrap_or_default();
    let given: BTreeSet<String> = secrets.keys().cloned().collect();
    if names != given {
        let wanted: Vec<String> = names.into_iter().collect();
        return Err(Problem::invalid(format!("secrets: the connector asks for exactly these: {}", wanted.join(", "))));
    }
    if secrets.values().any(|s| s.is_empty() || s.len() > SECRET_BYTES_MAX || s.chars().any(char::is_control)) {
        return Err(Problem::invalid(format!(
            "secrets: each must have 1 to {SECRET_BYTES_MAX} bytes and no control character"
        )));
    }
    Ok(())
}

/// Reads whose tickets a connection is to carry.
pub(super) async fn client_of(tx: &mut Tx, client: Option<&str>) -> Result<Option<ClientId>, Problem> {
    let Some(text) = client else { return Ok(None) };
    let not_found = || Problem::not_found("client");
    let id = ClientId::parse(text).map_err(|_| not_found())?;
    tx.client(&id).await?.map(|client| Some(client.id)).ok_or_else(not_found)
}

async fn describe(app: &App, msp: &Permitted, connection: &Connection) -> Result<Description, ConnectorError> {
    app.connectors.check(&connection.url).await?;
    let opened = connector::open(app, &msp.access.tenant, connection).await?;
    match connector::call(app, &opened, Call::Describe).await? {
        Answer::Description(description) => Ok(description),
        _ => Err(ConnectorError::WrongAnswer("describe")),
    }
}

pub(super) fn check_url(url: &str) -> Result<(), Problem> {
    if url.len() > URL_BYTES_MAX || url.chars().any(char::is_control) {
        return Err(Problem::invalid(format!("url: at most {URL_BYTES_MAX} bytes and no control character")));
    }
    Origin::of_url(url).map(|_| ()).map_err(|e| Problem::invalid(format!("url: {e}")))
}

/// Returns what the other system or its connector says. What broke on our side is our own answer, without its inside.
fn said_outside(error: ConnectorError) -> Result<ConnectorError, Problem> {
    match error {
        ConnectorError::Store(error) => Err(error.into()),
        ConnectorError::Refused(error) => Err(error.into()),
        ConnectorError::NotPermitted(said) => Err(Problem::conflict("not-permitted", said)),
        ConnectorError::NoRelease
        | ConnectorError::Manifest(_)
        | ConnectorError::Seal(_)
        | ConnectorError::Http(_)
        | ConnectorError::Prepare(_) => Err(Problem::internal(error)),
        ConnectorError::Url(_)
        | ConnectorError::Barred(_)
        | ConnectorError::Ended { .. }
        | ConnectorError::WrongAnswer(_)
        | ConnectorError::Remote { .. } => Ok(error),
    }
}

/// Asks the other system who we are there, before a connection is kept as it is here; refuses with its words.
pub(super) async fn introduced(app: &App, msp: &Permitted, connection: &Connection) -> Result<Option<String>, Problem> {
    match describe(app, msp, connection).await {
        Ok(description) => Ok(description.account),
        Err(error) => {
            app.connectors.forget(&connection.id);
            let error = said_outside(error)?;
            let barred = matches!(error, ConnectorError::Barred(_));
            let code = if barred { "address-refused" } else { "connection-refused" };
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, error.to_string()))
        }
    }
}

/// Makes a connection: asks the other system who we are there before anything is kept.
#[utoipa::path(post, path = "/api/v1/connections", tag = "ticketing", request_body = NewConnection, responses(
    (status = 201, body = Connected),
    (status = 409, description = "consent-needed, or not-a-connector"),
    (status = 422, description = "invalid, config-invalid, address-refused where the address leads to a network that connections may not reach, or connection-refused with the connector's words")))]
pub async fn add(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewConnection>,
) -> Result<(StatusCode, Json<Connected>), Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    check_display_name("name", &new.name).map_err(Problem::invalid)?;
    let closed_status = new.closed_status.unwrap_or_else(|| "resolved".to_owned());
    check_display_name("closed_status", &closed_status).map_err(Problem::invalid)?;
    check_url(&new.url)?;
    let accessory = AccessoryName::parse(&new.accessory).map_err(|e| Problem::invalid(format!("accessory: {e}")))?;
    let release = find_release(&app, msp.scope(), &accessory, new.version.as_deref()).await?;
    if let Some(reason) = state_mismatch(release.state, release.is_tried()) {
        return Err(Problem::conflict("does-not-fit", reason.to_string()));
    }
    let release = verified_for(&app, &msp.access.tenant, release).await?;
    if release.manifest.kind().map_err(Problem::internal)? != Kind::TicketingConnector {
        return Err(Problem::conflict(
            "not-a-connector",
            format!("{accessory} is a {}, not a ticketing-connector", release.kind),
        ));
    }
    let mut config = new.config.unwrap_or_default();
    config.insert("url".to_owned(), Value::String(new.url.clone()));
    let config = Value::Object(config);
    configured(&release, &config)?;
    agreed(&release, &new.consent)?;
    check_secrets(&release, &new.secrets)?;
    let client = client_of(&mut app.store.read(msp.scope()).await?, new.client.as_deref()).await?;
    let id = ConnectionId::from_random(clock::random()?);
    let sealed_secrets =
        sealed::seal(&app.keys.sealing, &msp.access.tenant, &id, &new.secrets).map_err(Problem::internal)?;
    let mut connection = Connection {
        id,
        name: new.name,
        release: release.id.clone(),
        url: new.url,
        config,
        sealed_secrets,
        account: None,
        closed_status,
        state: "ok".to_owned(),
        problem: None,
        created: app.now(),
        client,
    };
    connection.account = introduced(&app, &msp, &connection).await?;
    let mut tx = app.store.begin(msp.scope()).await?;
    tx.insert_connection(&connection).await?;
    in_step::ask_sync(&mut tx, &connection.id, app.now()).await?;
    let details = serde_json::json!({ "accessory": accessory, "version": release.version, "url": connection.url, "consent": new.consent });
    tx.append_audit(msp.account.as_str(), "connection.add", connection.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok((StatusCode::CREATED, Json(Connected { connection: view(&connection, &release) })))
}

/// Lists the connections.
#[utoipa::path(get, path = "/api/v1/connections", tag = "ticketing", responses((status = 200, body = ConnectionList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<ConnectionList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let mut connections = Vec::new();
    for connection in tx.connections().await? {
        if let Some(release) = tx.release(&connection.release).await? {
            connections.push(view(&connection, &release));
        }
    }
    Ok(Json(ConnectionList { connections }))
}

/// Asks the other system again who we are there, and notes the answer.
#[utoipa::path(post, path = "/api/v1/connections/{id}/check", tag = "ticketing", responses((status = 200, body = Connected), (status = 404)))]
pub async fn check(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<Connected>, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let not_found = || Problem::not_found("connection");
    let id = ConnectionId::parse(&id).map_err(|_| not_found())?;
    let mut tx = app.store.read(msp.scope()).await?;
    let mut connection = tx.connection(&id).await?.ok_or_else(not_found)?;
    let release = tx.release(&connection.release).await?.ok_or_else(not_found)?;
    drop(tx);
    match describe(&app, &msp, &connection).await {
        Ok(description) => {
            connection.account = description.account.or(connection.account);
            (connection.state, connection.problem) = ("ok".to_owned(), None);
        }
        Err(error) => {
            let error = said_outside(error)?;
            let refused = matches!(&error, ConnectorError::Remote { error: Error::AuthFailed(_), .. });
            connection.state = if refused { "auth-failed" } else { "away" }.to_owned();
            connection.problem = Some(error.to_string());
        }
    }
    let mut tx = app.store.begin(msp.scope()).await?;
    tx.set_connection_state(&id, &connection.state, connection.problem.as_deref(), connection.account.as_deref())
        .await?;
    tx.commit().await?;
    Ok(Json(Connected { connection: view(&connection, &release) }))
}
