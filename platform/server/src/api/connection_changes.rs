//! Changing and removing connections.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::difference;
use fitment_domain::id::ConnectionId;
use fitment_domain::matching::state_mismatch;
use fitment_domain::origin::Origin;
use fitment_domain::tenant::{Action, check_display_name};
use fitment_store::{Connection, ConnectionSync, Release, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::connections::{Connected, check_secrets, check_url, client_of, introduced, view};
use super::installations::{agreed, configured};
use super::{find_release, verified_for};
use crate::app::{App, Shared};
use crate::auth::{Msp, Permitted};
use crate::in_step;
use crate::problem::{Body, Problem};
use crate::sealed::{self, Secrets};

/// What changes of a connection; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionChange {
    /// 1 to 120 characters.
    name: Option<String>,
    /// Another address. The secrets have to be given again: they are for the old one alone.
    url: Option<String>,
    /// The whole configuration; `url` is added.
    #[schema(value_type = Option<Value>)]
    config: Option<serde_json::Map<String, Value>>,
    /// All secrets anew.
    secrets: Option<Secrets>,
    /// 1 to 120 characters.
    closed_status: Option<String>,
    /// A client, by its id, or null for every client that has no connection of its own.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    client: Option<Option<String>>,
    /// Another version of the connector.
    version: Option<String>,
    /// The names of the permissions that somebody agreed to; needed where the other version asks for more.
    consent: Option<BTreeSet<String>>,
}

/// Tells null from nothing.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

async fn found(tx: &mut Tx, id: &str) -> Result<(Connection, Release), Problem> {
    let not_found = || Problem::not_found("connection");
    let id = ConnectionId::parse(id).map_err(|_| not_found())?;
    let connection = tx.connection(&id).await?.ok_or_else(not_found)?;
    let release = tx.release(&connection.release).await?.ok_or_else(not_found)?;
    Ok((connection, release))
}

/// Changes a connection. If it is to speak otherwise than before, the other system is asked who we are there before anything is
/// kept.
#[utoipa::path(patch, path = "/api/v1/connections/{id}", tag = "ticketing", request_body = ConnectionChange, responses(
    (status = 200, body = Connected), (status = 404),
    (status = 409, description = "consent-needed, or changed-meanwhile"),
    (status = 422, description = "invalid, secrets-needed, config-invalid, address-refused, or connection-refused with the connector's words")))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(change): Body<ConnectionChange>,
) -> Result<Json<Connected>, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let (before, release) = found(&mut tx, &id).await?;
    let client = match &change.client {
        Some(client) => client_of(&mut tx, client.as_deref()).await?,
        None => before.client.clone(),
    };
    drop(tx);
    let release = release_of(&app, &msp, &before, release, &change).await?;
    let mut after = Connection { client, release: release.id.clone(), ..before.clone() };
    let kept = json!({ "name": change.name, "url": change.url, "client": after.client, "version": release.version,
        "secrets": change.secrets.as_ref().map(|s| s.keys().cloned().collect::<Vec<_>>()), "consent": change.consent });
    apply(&app, &msp, &mut after, &release, change)?;
    let speaks_alike = after.url == before.url
        && after.config == before.config
        && after.sealed_secrets == before.sealed_secrets
        && after.release == before.release;
    if !speaks_alike {
        after.account = introduced(&app, &msp, &after).await?.or(after.account);
        (after.state, after.problem) = ("ok".to_owned(), None);
    }
    let mut tx = app.store.begin(msp.scope()).await?;
    let (now_there, _) = found(&mut tx, &id).await?;
    if decided(&now_there) != decided(&before) {
        return Err(Problem::conflict(
            "changed-meanwhile",
            "somebody else changed this connection just now: look again",
        ));
    }
    if speaks_alike {
        // Meanwhile it may have been found away, or back.
        (after.account, after.state, after.problem) = (now_there.account, now_there.state, now_there.problem);
    }
    tx.update_connection(&after).await?;
    if after.url != before.url
        && let Some(sync) = tx.connection_sync(&after.id).await?
    {
        // Where the last look ended is known to the other address alone.
        tx.put_connection_sync(&after.id, &ConnectionSync { cursor: None, ..sync }).await?;
    }
    in_step::ask_sync(&mut tx, &after.id, app.now()).await?;
    tx.append_audit(msp.account.as_str(), "connection.change", after.id.as_str(), &kept, app.now()).await?;
    // What waited for the old address or token need not wait any longer.
    for ticket in tx.open_tickets_of(&after.id).await? {
        if ticket.problem.is_some() {
            in_step::ask_delivery(&mut tx, &after.id, &ticket.id, app.now()).await?;
        }
    }
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(Connected { connection: view(&after, &release) }))
}

/// Returns what people decided about a connection, without what deliveries learn of it.
fn decided(connection: &Connection) -> Connection {
    Connection { account: None, state: String::new(), problem: None, ..connection.clone() }
}

async fn release_of(
    app: &Shared,
    msp: &Permitted,
    before: &Connection,
    release: Release,
    change: &ConnectionChange,
) -> Result<Release, Problem> {
    let Some(version) = &change.version else { return Ok(release) };
    let agreed_to = release.manifest.asked().map_err(Problem::internal)?;
    let next = find_release(app, msp.scope(), &release.accessory, Some(version)).await?;
    if let Some(reason) = state_mismatch(next.state, next.is_tried()) {
        return Err(Problem::conflict("does-not-fit", reason.to_string()));
    }
    let next = verified_for(app, &msp.access.tenant, next).await?;
    let asked = next.manifest.asked().map_err(Problem::internal)?;
    if change.consent.is_some() || difference::widens(&agreed_to, &asked).map_err(Problem::internal)? {
        agreed(&next, change.consent.as_ref().unwrap_or(&BTreeSet::new()))?;
    }
    tracing::debug!(connection = %before.id, %version, "another version of the connector");
    Ok(next)
}

/// Puts the change into the connection.
fn apply(
    app: &App,
    msp: &Permitted,
    after: &mut Connection,
    release: &Release,
    change: ConnectionChange,
) -> Result<(), Problem> {
    if let Some(name) = change.name {
        check_display_name("name", &name).map_err(Problem::invalid)?;
        after.name = name;
    }
    if let Some(status) = change.closed_status {
        check_display_name("closed_status", &status).map_err(Problem::invalid)?;
        after.closed_status = status;
    }
    if let Some(url) = change.url {
        check_url(&url)?;
        let origin = |url: &str| Origin::of_url(url).map(|origin| origin.as_str().to_owned()).ok();
        if origin(&url) != origin(&after.url) && change.secrets.is_none() {
            let detail = "secrets: another address needs the secrets again; they are for the old one alone";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "secrets-needed", detail));
        }
        after.url = url;
        after.account = None;
    }
    let mut config = match change.config {
        Some(config) => config,
        None => after.config.as_object().cloned().unwrap_or_default(),
    };
    config.insert("url".to_owned(), Value::String(after.url.clone()));
    after.config = Value::Object(config);
    configured(release, &after.config)?;
    if let Some(secrets) = change.secrets {
        check_secrets(release, &secrets)?;
        after.sealed_secrets =
            sealed::seal(&app.keys.sealing, &msp.access.tenant, &after.id, &secrets).map_err(Problem::internal)?;
    }
    Ok(())
}

/// Removes a connection and its secrets. Tickets keep their link to the other system, where nothing changes any more: they are
/// `disconnected`, and close here alone.
#[utoipa::path(delete, path = "/api/v1/connections/{id}", tag = "ticketing", responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let (connection, _) = found(&mut tx, &id).await?;
    tx.remove_connection(&connection.id, app.now()).await?;
    for mut ticket in tx.open_tickets_of(&connection.id).await? {
        ticket.problem = Some("disconnected: the connection was removed; the link stays".to_owned());
        tx.update_ticket(&ticket).await?;
        if ticket.delivery.close_wanted {
            in_step::ask_delivery(&mut tx, &connection.id, &ticket.id, app.now()).await?;
        }
    }
    let details = json!({ "name": connection.name, "url": connection.url });
    tx.append_audit(msp.account.as_str(), "connection.remove", connection.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    app.connectors.forget(&connection.id);
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
