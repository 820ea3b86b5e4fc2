//! Notes on tickets.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::id::{NoteId, TicketId};
use fitment_domain::tenant::Action;
use fitment_domain::ticket::remote::Audience;
use fitment_domain::time::UnixMs;
use fitment_store::{NoteRow, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::change::{check_text, deliver};
use super::{author, find};
use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::in_step;
use crate::problem::{Body, Problem};

const BODY_CHARS_MAX: usize = 20_000;

/// A note to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNoteBody {
    /// 1 to 20,000 characters.
    body: String,
    /// `internal` (default): technicians only. `customer`: the customer too.
    audience: Option<String>,
}

/// A note on a ticket.
#[derive(Serialize, ToSchema, Clone)]
pub struct NoteView {
    pub id: String,
    /// `here`, `there` (the other system), or `system`: what the host itself has to say.
    pub source: String,
    pub author: Option<String>,
    /// `internal` or `customer`.
    pub audience: &'static str,
    pub body: String,
    pub created_ms: i64,
    /// When the other system got it; none of a note that waits, and of one that did not come from here.
    pub sent_ms: Option<i64>,
}

/// Shows a note.
pub(super) fn view(note: NoteRow) -> NoteView {
    NoteView {
        id: note.id.to_string(),
        source: note.source,
        author: note.author,
        audience: note.audience.as_str(),
        body: note.body,
        created_ms: note.created.0,
        sent_ms: note.sent.map(|at| at.0),
    }
}

/// Keeps a note that somebody wrote here.
pub(super) async fn insert_note(
    tx: &mut Tx,
    ticket: &TicketId,
    author: &str,
    audience: Audience,
    body: &str,
    now: UnixMs,
) -> Result<NoteRow, Problem> {
    let note = NoteRow {
        id: NoteId::from_random(clock::random()?),
        ticket: ticket.clone(),
        source: "here".to_owned(),
        author: Some(author.to_owned()),
        audience,
        body: body.trim().to_owned(),
        created: now,
        external_id: None,
        sending: None,
        sent: None,
    };
    tx.insert_note(&note).await?;
    Ok(note)
}

/// Writes a note. It goes to the other system once.
#[utoipa::path(post, path = "/api/v1/tickets/{id}/notes", tag = "ticketing", request_body = NewNoteBody, responses(
    (status = 201, body = NoteView), (status = 404)))]
pub async fn add(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(new): Body<NewNoteBody>,
) -> Result<(StatusCode, Json<NoteView>), Problem> {
    let msp = msp.may(Action::WorkTickets)?;
    check_text("body", &new.body, BODY_CHARS_MAX)?;
    if new.body.trim().is_empty() {
        return Err(Problem::invalid(format!("body: 1 to {BODY_CHARS_MAX} characters")));
    }
    let audience = Audience::parse(new.audience.as_deref().unwrap_or("internal"))
        .ok_or_else(|| Problem::invalid("audience: internal or customer"))?;
    let now = app.now();
    let who = author(&app, &msp).await?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let mut ticket = find(&mut tx, &id).await?;
    tx.widen()?;
    let note = insert_note(&mut tx, &ticket.id, &who, audience, &new.body, now).await?;
    let mut sync = tx.ticket_sync(&ticket.id).await?;
    in_step::touched(&mut sync, &format!("{who} wrote a note"), &[], now);
    tx.put_ticket_sync(&ticket.id, &sync).await?;
    ticket.updated = now;
    tx.update_ticket(&ticket).await?;
    let audited = serde_json::json!({ "number": ticket.number, "note": note.id, "audience": audience });
    tx.append_audit(msp.account.as_str(), "ticket.note", ticket.id.as_str(), &audited, now).await?;
    deliver(&mut tx, &ticket, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok((StatusCode::CREATED, Json(view(note))))
}
