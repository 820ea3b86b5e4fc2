//! Tickets.

pub mod change;
pub mod note;

use std::collections::{HashMap, HashSet};

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::id::{CategoryId, ConnectionId, DeviceId, TicketId};
use fitment_domain::sync::{Agreed, FIELDS, Values, has_unsent};
use fitment_domain::tenant::{Action, Role, Scope};
use fitment_domain::ticket::TicketState;
use fitment_domain::ticket::remote::Audience;
use fitment_store::{TicketRow, TicketSync, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::after;
use crate::app::{App, Shared};
use crate::auth::{Msp, Permitted};
use crate::in_step;
use crate::problem::Problem;

/// A ticket of ours, and where it is in the other system.
#[derive(Serialize, ToSchema)]
pub struct TicketView {
    pub id: String,
    /// What people call it; counts within the tenant.
    pub number: i64,
    /// `open` or `closed`.
    pub state: &'static str,
    /// Who made it: `automatic` (a monitor) or `technician`.
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

/// Which tickets.
#[derive(Default, Deserialize, IntoParams)]
pub struct WhichTickets {
    /// `open` or `closed`; default: all.
    pub state: Option<String>,
    /// Default: of all devices, and those of none.
    pub device: Option<String>,
    /// The `next` of the part before; default: from the beginning.
    pub after: Option<String>,
}

/// Tickets, at most 500.
#[derive(Serialize, ToSchema)]
pub struct TicketList {
    pub tickets: Vec<TicketView>,
    /// False: there are more; ask for those `after` what `next` says.
    pub complete: bool,
    /// Where the list goes on.
    pub next: Option<String>,
}

async fn category_names(tx: &mut Tx) -> Result<HashMap<CategoryId, String>, Problem> {
    Ok(tx.categories().await?.into_iter().map(|c| (c.id, c.name)).collect())
}

async fn connected(tx: &mut Tx) -> Result<HashSet<ConnectionId>, Problem> {
    Ok(tx.connections().await?.into_iter().map(|connection| connection.id).collect())
}

/// Makes what the API shows. The MSP's customers learn nothing of how it works: not by which rule, and not what keeps it from
/// their system.
fn view(
    ticket: TicketRow,
    names: &HashMap<CategoryId, String>,
    connected: &HashSet<ConnectionId>,
    role: Role,
) -> TicketView {
    let inside = role != Role::Client;
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
        chosen_by: ticket.chosen_by.filter(|_| inside).map(|id| id.to_string()),
        created_ms: ticket.created.0,
        updated_ms: ticket.updated.0,
        disconnected: inside && ticket.connection.as_ref().is_some_and(|id| !connected.contains(id)),
        connection: ticket.connection.filter(|_| inside).map(|id| id.to_string()),
        external_number: ticket.external_number,
        external_url: ticket.external_url,
        external_status: ticket.external_status,
        problem: ticket.problem.filter(|_| inside),
    }
}

/// Lists the tickets: open ones first, each newest first.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "ticketing", params(WhichTickets), responses(
    (status = 200, body = TicketList), (status = 404), (status = 422, description = "invalid")))]
pub async fn list(
    State(app): State<Shared>,
    msp: Msp,
    Query(asked): Query<WhichTickets>,
) -> Result<Json<TicketList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let state = asked.state.as_deref();
    let state =
        state.map(|word| TicketState::parse(word).ok_or_else(|| Problem::invalid("state must be open or closed")));
    let (state, after) = (state.transpose()?, after(asked.after.as_deref())?);
    let device = asked.device.as_deref().map(DeviceId::parse).transpose();
    let device = device.map_err(|_| Problem::not_found("device"))?;
    let mut tx = app.store.read(msp.scope()).await?;
    let names = category_names(&mut tx).await?;
    let connected = connected(&mut tx).await?;
    let listed = tx.tickets(state, device.as_ref(), after.as_ref()).await?;
    let next = listed.next.map(|next| next.to_string());
    let role = msp.access.role;
    let tickets = listed.rows.into_iter().map(|ticket| view(ticket, &names, &connected, role)).collect();
    Ok(Json(TicketList { tickets, complete: next.is_none(), next }))
}

/// A ticket with its notes, and where it stands between both sides.
#[derive(Serialize, ToSchema)]
pub struct TicketDetails {
    #[serde(flatten)]
    pub ticket: TicketView,
    pub notes: Vec<note::NoteView>,
    pub sync: TicketSyncView,
}

/// Where a ticket stands between both sides.
#[derive(Serialize, ToSchema, Clone)]
pub struct TicketSyncView {
    /// `none` (no connection), `waiting` (something is still to go there), `agreed`, or `gone` (deleted there).
    pub state: &'static str,
    /// What its status there means: `new`, `open`, `waiting-customer`, `waiting-other`, `resolved`, `closed` or `cancelled`.
    pub status_class: Option<String>,
    /// What both sides last agreed on, by field.
    pub agreed: Vec<AgreedField>,
    /// The last fields that both sides had changed, and who won.
    pub decided: Vec<DecidedField>,
    /// Ids that it had there before.
    pub former_external_ids: Vec<String>,
    /// Who touched it; it is not closed by itself any more.
    pub touched_by: Option<String>,
}

/// A field as each side wrote it when they agreed.
#[derive(Serialize, ToSchema, Clone)]
pub struct AgreedField {
    pub field: &'static str,
    pub ours: Option<String>,
    pub theirs: Option<String>,
}

/// A field that both sides had changed.
#[derive(Serialize, ToSchema, Clone)]
pub struct DecidedField {
    pub field: &'static str,
    pub ours: Option<String>,
    pub theirs: Option<String>,
    /// `newest`, `ours` or `theirs`.
    pub authority: &'static str,
    /// `ours` or `theirs`.
    pub winner: &'static str,
    pub at_ms: i64,
}

fn sync_view(ticket: &TicketRow, sync: TicketSync, unsent: bool, aliases: Vec<String>) -> TicketSyncView {
    let waits = |agreed: &Agreed| unsent || has_unsent(agreed, &in_step::values(ticket));
    let state = match &sync.agreed {
        _ if ticket.connection.is_none() => "none",
        _ if sync.gone => "gone",
        Some(agreed) if ticket.delivery.external_id.is_some() && !waits(agreed) => "agreed",
        _ => "waiting",
    };
    let agreed = sync.agreed.iter().flat_map(|agreed| {
        let value = |values: &Values, field| values.get(field).map(str::to_owned);
        FIELDS.map(|field| AgreedField {
            field: field.as_str(),
            ours: value(&agreed.ours, field),
            theirs: value(&agreed.theirs, field),
        })
    });
    let decided = sync.decided.iter().map(|decision| DecidedField {
        field: decision.field.as_str(),
        ours: decision.ours.clone(),
        theirs: decision.theirs.clone(),
        authority: decision.authority.as_str(),
        winner: if decision.ours_won { "ours" } else { "theirs" },
        at_ms: decision.at.0,
    });
    TicketSyncView {
        state,
        agreed: agreed.collect(),
        decided: decided.collect(),
        status_class: sync.status_class,
        former_external_ids: aliases,
        touched_by: sync.touched_by,
    }
}

/// Shows a ticket with everything that belongs to it. The MSP's customers read what is meant for them.
async fn details(tx: &mut Tx, ticket: TicketRow, msp: &Permitted) -> Result<TicketDetails, Problem> {
    let (names, connected) = (category_names(tx).await?, connected(tx).await?);
    tx.widen()?;
    let sync = tx.ticket_sync(&ticket.id).await?;
    let (mut notes, aliases) = (tx.notes(&ticket.id).await?, tx.aliases(&ticket.id).await?);
    let unsent = notes.iter().any(|note| note.source == "here" && note.sent.is_none());
    let status = sync.status.clone();
    let mut sync = sync_view(&ticket, sync, unsent, aliases);
    if msp.access.role == Role::Client {
        notes.retain(|note| note.audience == Audience::Customer);
        sync = TicketSyncView { agreed: Vec::new(), decided: Vec::new(), touched_by: None, ..sync };
    }
    let mut ticket = view(ticket, &names, &connected, msp.access.role);
    ticket.external_status = status.or(ticket.external_status);
    Ok(TicketDetails { ticket, notes: notes.into_iter().map(note::view).collect(), sync })
}

/// Finds a ticket by its id or by the number that people call it.
async fn find(tx: &mut Tx, id: &str) -> Result<TicketRow, Problem> {
    let found = match (TicketId::parse(id), id.parse::<i64>()) {
        (Ok(id), _) => tx.ticket(&id).await?,
        (Err(_), Ok(number)) => tx.ticket_by_number(number).await?,
        (Err(_), Err(_)) => None,
    };
    found.ok_or_else(|| Problem::not_found("ticket"))
}

/// Shows one ticket, by its id or by the number that people call it.
#[utoipa::path(get, path = "/api/v1/tickets/{id}", tag = "ticketing", responses((status = 200, body = TicketDetails), (status = 404)))]
pub async fn show(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Json<TicketDetails>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let mut tx = app.store.read(msp.scope()).await?;
    let ticket = find(&mut tx, &id).await?;
    Ok(Json(details(&mut tx, ticket, &msp).await?))
}

/// Returns as whom somebody writes on tickets.
async fn author(app: &App, msp: &Permitted) -> Result<String, Problem> {
    let account = app.store.read(Scope::Platform).await?.account(&msp.account).await?;
    Ok(account.map_or_else(|| msp.account.to_string(), |account| account.email))
}
