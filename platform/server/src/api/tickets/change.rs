//! Tickets that people make and change. What is to reach the other system is asked for in the same transaction.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::device::Device;
use fitment_domain::id::{DeviceId, TicketId};
use fitment_domain::mapping::Category;
use fitment_domain::sync::Field;
use fitment_domain::tenant::{Action, Scope, check_display_name};
use fitment_domain::ticket::remote::Audience;
use fitment_domain::ticket::{Delivery, SOURCE_TECHNICIAN, TicketState};
use fitment_domain::time::UnixMs;
use fitment_store::{TicketRow, TicketSync, Tx};
use serde::Deserialize;
use utoipa::ToSchema;

use super::note::insert_note;
use super::{TicketDetails, author, details, find};
use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::in_step;
use crate::observe::connection_for;
use crate::problem::{Body, Problem};

const SUMMARY_CHARS_MAX: usize = 300;
const TEXT_CHARS_MAX: usize = 20_000;

/// A ticket to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTicketBody {
    /// One line of 1 to 300 characters.
    summary: String,
    /// At most 20,000 characters.
    #[serde(default)]
    description: String,
    /// The category, by its id or its name; it gives board and priority where these are left out.
    category: String,
    board: Option<String>,
    priority: Option<String>,
    /// The device that it is about, by its id.
    device: Option<String>,
}

/// A change: what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketChange {
    summary: Option<String>,
    board: Option<String>,
    priority: Option<String>,
    status: Option<TicketStatus>,
    /// Why, 1 to 1,000 characters; wanted with a status. It becomes an internal note.
    reason: Option<String>,
}

/// What people can make of a ticket.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum TicketStatus {
    Open,
    Resolved,
}

fn check_summary(summary: &str) -> Result<(), Problem> {
    let chars = summary.trim().chars().count();
    if chars == 0 || chars > SUMMARY_CHARS_MAX || summary.chars().any(char::is_control) {
        return Err(Problem::invalid(format!("summary: one line of 1 to {SUMMARY_CHARS_MAX} characters")));
    }
    Ok(())
}

/// Checks a text of several lines.
pub(super) fn check_text(field: &str, text: &str, chars_max: usize) -> Result<(), Problem> {
    let unreadable = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().count() > chars_max || text.contains(unreadable) {
        return Err(Problem::invalid(format!(
            "{field}: at most {chars_max} characters and no control character but line breaks"
        )));
    }
    Ok(())
}

fn check_names(board: Option<&str>, priority: Option<&str>) -> Result<(), Problem> {
    for (field, value) in [("board", board), ("priority", priority)] {
        if let Some(value) = value {
            check_display_name(field, value).map_err(Problem::invalid)?;
        }
    }
    Ok(())
}

/// Makes a ticket by hand.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "ticketing", request_body = NewTicketBody, responses(
    (status = 201, body = TicketDetails), (status = 404, description = "no such category or device")))]
pub async fn create(
    State(app): State<Shared>,
    msp: Msp,
    Body(body): Body<NewTicketBody>,
) -> Result<(StatusCode, Json<TicketDetails>), Problem> {
    let msp = msp.may(Action::WorkTickets)?;
    check_summary(&body.summary)?;
    check_text("description", &body.description, TEXT_CHARS_MAX)?;
    check_names(body.board.as_deref(), body.priority.as_deref())?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let category = category(&mut tx, &body.category).await?;
    let device = match &body.device {
        Some(text) => Some(device(&mut tx, text).await?),
        None if matches!(msp.scope(), Scope::Part { .. }) => {
            return Err(Problem::invalid("device: name it; a ticket without one concerns all clients"));
        }
        None => None,
    };
    tx.widen()?;
    let mut sync = TicketSync::default();
    let by_hand = [(Field::Board, body.board.is_some()), (Field::Priority, body.priority.is_some())];
    sync.changed.extend(by_hand.into_iter().filter(|(_, given)| *given).map(|(field, _)| (field, now)));
    let connection = connection_for(&tx.connections().await?, device.as_ref().map(|device| &device.client));
    let ticket = TicketRow {
        id: TicketId::from_random(clock::random()?),
        number: tx.next_ticket_number().await?,
        alert: None,
        device: device.map(|device| device.id),
        source: SOURCE_TECHNICIAN.to_owned(),
        category: category.id,
        board: body.board.unwrap_or(category.board),
        priority: body.priority.or(category.priority),
        summary: body.summary.trim().to_owned(),
        description: body.description,
        state: TicketState::Open,
        occurrences: 1,
        created: now,
        updated: now,
        connection,
        delivery: Delivery::default(),
        external_number: None,
        external_url: None,
        external_status: None,
        problem: None,
        chosen_by: None,
    };
    tx.insert_ticket(&ticket).await?;
    tx.put_ticket_sync(&ticket.id, &sync).await?;
    let audited = serde_json::json!({ "number": ticket.number, "category": ticket.category });
    tx.append_audit(msp.account.as_str(), "ticket.create", ticket.id.as_str(), &audited, now).await?;
    deliver(&mut tx, &ticket, now).await?;
    let details = details(&mut tx, ticket, &msp).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok((StatusCode::CREATED, Json(details)))
}

/// Changes a ticket: subject, board, priority, or whether it is over.
#[utoipa::path(patch, path = "/api/v1/tickets/{id}", tag = "ticketing", request_body = TicketChange, responses(
    (status = 200, body = TicketDetails), (status = 404),
    (status = 409, description = "alert-has-ticket: the ticket's alert has another open one")))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(body): Body<TicketChange>,
) -> Result<Json<TicketDetails>, Problem> {
    let msp = msp.may(Action::WorkTickets)?;
    check_change(&body)?;
    let now = app.now();
    let who = author(&app, &msp).await?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut ticket = find(&mut tx, &id).await?;
    tx.widen()?;
    let fields = apply(&mut tx, &mut ticket, &body).await?;
    let mut sync = tx.ticket_sync(&ticket.id).await?;
    in_step::touched(&mut sync, &format!("{who} changed it"), &fields, now);
    ticket.updated = now;
    tx.update_ticket(&ticket).await?;
    tx.put_ticket_sync(&ticket.id, &sync).await?;
    if let Some(reason) = &body.reason {
        insert_note(&mut tx, &ticket.id, &who, Audience::Internal, reason, now).await?;
    }
    let names: Vec<&str> = fields.iter().map(|field| field.as_str()).collect();
    let audited = serde_json::json!({ "number": ticket.number, "fields": names });
    tx.append_audit(msp.account.as_str(), "ticket.change", ticket.id.as_str(), &audited, now).await?;
    deliver(&mut tx, &ticket, now).await?;
    let details = details(&mut tx, ticket, &msp).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(details))
}

fn check_change(body: &TicketChange) -> Result<(), Problem> {
    if let Some(summary) = &body.summary {
        check_summary(summary)?;
    }
    check_names(body.board.as_deref(), body.priority.as_deref())?;
    if let Some(reason) = &body.reason {
        check_text("reason", reason, 1_000)?;
    }
    if body.status.is_some() && body.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Problem::invalid("reason: say why the status changes, in 1 to 1,000 characters"));
    }
    if body.summary.is_none() && body.board.is_none() && body.priority.is_none() && body.status.is_none() {
        return Err(Problem::invalid("nothing to change: give summary, board, priority or status"));
    }
    Ok(())
}

/// Makes the change, and names the fields that are really other than before.
async fn apply(tx: &mut Tx, ticket: &mut TicketRow, body: &TicketChange) -> Result<Vec<Field>, Problem> {
    let mut fields = Vec::new();
    let mut set = |field: Field, place: &mut String, value: &Option<String>| {
        if let Some(value) = value.as_deref().map(str::trim).filter(|value| *value != place.as_str()) {
            value.clone_into(place);
            fields.push(field);
        }
    };
    set(Field::Summary, &mut ticket.summary, &body.summary);
    set(Field::Board, &mut ticket.board, &body.board);
    let mut priority = ticket.priority.clone().unwrap_or_default();
    set(Field::Priority, &mut priority, &body.priority);
    ticket.priority = Some(priority).filter(|priority| !priority.is_empty());
    match (ticket.state, body.status) {
        (TicketState::Open, Some(TicketStatus::Resolved)) => {
            ticket.state = TicketState::Closed;
            fields.push(Field::Status);
        }
        (TicketState::Closed, Some(TicketStatus::Open)) => {
            if let Some(other) = in_step::other_open(tx, ticket).await? {
                return Err(Problem::conflict(
                    "alert-has-ticket",
                    format!("the alert of this ticket has the open ticket #{}: work on that one", other.number),
                ));
            }
            in_step::reopen(ticket);
            fields.push(Field::Status);
        }
        _ => {}
    }
    Ok(fields)
}

/// Asks for the delivery of a ticket that has somewhere to go.
pub(super) async fn deliver(tx: &mut Tx, ticket: &TicketRow, now: UnixMs) -> Result<(), Problem> {
    match &ticket.connection {
        Some(connection) => Ok(in_step::ask_delivery(tx, connection, &ticket.id, now).await?),
        None => Ok(()),
    }
}

async fn category(tx: &mut Tx, text: &str) -> Result<Category, Problem> {
    let all = tx.categories().await?;
    all.into_iter().find(|c| c.id.as_str() == text || c.name == text).ok_or_else(|| Problem::not_found("category"))
}

async fn device(tx: &mut Tx, text: &str) -> Result<Device, Problem> {
    let not_found = || Problem::not_found("device");
    let id = DeviceId::parse(text).map_err(|_| not_found())?;
    tx.device(&id).await?.ok_or_else(not_found)
}
