//! Tickets.

use std::collections::{HashMap, HashSet};

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::id::{CategoryId, ConnectionId, TicketId};
use fitment_domain::tenant::Action;
use fitment_store::{TicketRow, Tx};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// A ticket of ours, and where it is in the other system.
#[derive(Serialize, ToSchema)]
pub struct TicketView {
    pub id: String,
    /// What people call it; counts within the tenant.
    pub number: i64,
    /// `open` or `closed`.
    pub state: &'static str,
    /// Who made it: `automatic`.
    pub source: String,
    pub summary: String,
    pub description: String,
    pub category: String,
    pub board: String,
    pub priority: Option<String>,
    pub occurrences: i64,
    pub device: Option<String>,
    pub alert: Option<String>,
    /// The rule that chose the category; none where no rule spoke.
    pub chosen_by: Option<String>,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub connection: Option<String>,
    /// Its connection was removed: what happens there is not followed any more.
    pub disconnected: bool,
    pub external_number: Option<String>,
    pub external_url: Option<String>,
    pub external_status: Option<String>,
    /// Why delivery waits.
    pub problem: Option<String>,
}

/// The tenant's tickets.
#[derive(Serialize, ToSchema)]
pub struct TicketList {
    pub tickets: Vec<TicketView>,
}

async fn category_names(tx: &mut Tx) -> Result<HashMap<CategoryId, String>, Problem> {
    Ok(tx.categories().await?.into_iter().map(|c| (c.id, c.name)).collect())
}

async fn connected(tx: &mut Tx) -> Result<HashSet<ConnectionId>, Problem> {
    Ok(tx.connections().await?.into_iter().map(|connection| connection.id).collect())
}

fn view(ticket: TicketRow, names: &HashMap<CategoryId, String>, connected: &HashSet<ConnectionId>) -> TicketView {
    TicketView {
        id: ticket.id.to_string(),
        number: ticket.number,
        state: ticket.state.as_str(),
        source: ticket.source,
        summary: ticket.summary,
        description: ticket.description,
        category: names.get(&ticket.category).cloned().unwrap_or_default(),
        board: ticket.board,
        priority: ticket.priority,
        occurrences: ticket.occurrences,
        device: ticket.device.map(|id| id.to_string()),
        alert: ticket.alert.map(|id| id.to_string()),
        chosen_by: ticket.chosen_by.map(|id| id.to_string()),
        created_ms: ticket.created.0,
        updated_ms: ticket.updated.0,
        disconnected: ticket.connection.as_ref().is_some_and(|id| !connected.contains(id)),
        connection: ticket.connection.map(|id| id.to_string()),
        external_number: ticket.external_number,
        external_url: ticket.external_url,
        external_status: ticket.external_status,
        problem: ticket.problem,
    }
}

/// Lists the tickets, newest first.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "ticketing", responses((status = 200, body = TicketList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<TicketList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let names = category_names(&mut tx).await?;
    let connected = connected(&mut tx).await?;
    let tickets = tx.tickets().await?.into_iter().map(|ticket| view(ticket, &names, &connected)).collect();
    Ok(Json(TicketList { tickets }))
}

/// Shows one ticket, by its id or by the number that people call it.
#[utoipa::path(get, path = "/api/v1/tickets/{id}", tag = "ticketing", responses((status = 200, body = TicketView), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<TicketView>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let names = category_names(&mut tx).await?;
    let connected = connected(&mut tx).await?;
    let found = match (TicketId::parse(&id), id.parse::<i64>()) {
        (Ok(id), _) => tx.ticket(&id).await?,
        (Err(_), Ok(number)) => tx.tickets().await?.into_iter().find(|ticket| ticket.number == number),
        (Err(_), Err(_)) => None,
    };
    Ok(Json(view(found.ok_or_else(|| Problem::not_found("ticket"))?, &names, &connected)))
}
