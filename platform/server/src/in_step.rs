//! Keeps a ticket of ours and one of another system in step: the store's side of `domain::sync`.

use fitment_domain::id::{ConnectionId, JobId, NoteId, TicketId};
use fitment_domain::sync::{self, Authorities, DECISIONS_MAX, Field, Ours, Theirs, Values};
use fitment_domain::ticket::TicketState;
use fitment_domain::ticket::remote::{Audience, Ticket};
use fitment_domain::time::UnixMs;
use fitment_store::{Connection, NoteRow, StoreError, TicketRow, TicketSync, Tx};

use crate::clock::{self, NoRandomness};
use crate::job::JobKind;
use crate::problem::Problem;

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<StepError> for Problem {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Store(inner) => inner.into(),
            StepError::Randomness(inner) => inner.into(),
        }
    }
}

/// Returns our side's fields.
pub fn values(ticket: &TicketRow) -> Values {
    Values::ours(&ticket.summary, ticket.state, ticket.priority.as_deref(), &ticket.board)
}

/// Asks, in this transaction, for a ticket to be delivered and its changes and notes to be exchanged.
pub async fn ask_delivery(
    tx: &mut Tx,
    connection: &ConnectionId,
    ticket: &TicketId,
    now: UnixMs,
) -> Result<(), StepError> {
    let job = JobId::from_random(clock::random()?);
    Ok(tx.enqueue_in_lane(&job, JobKind::Deliver.as_str(), ticket.as_str(), now, connection.as_str()).await?)
}

/// Asks, in this transaction, for a look at what changed behind a connection.
pub async fn ask_sync(tx: &mut Tx, connection: &ConnectionId, due: UnixMs) -> Result<(), StepError> {
    let job = JobId::from_random(clock::random()?);
    Ok(tx.enqueue_in_lane(&job, JobKind::Sync.as_str(), connection.as_str(), due, connection.as_str()).await?)
}

/// Takes the ticket there into account: what changed there comes here. Returns the fields that are to go there. Writes only
/// what changed.
pub async fn take(
    tx: &mut Tx,
    connection: &Connection,
    ticket: &mut TicketRow,
    there: &Ticket,
    now: UnixMs,
) -> Result<Vec<Field>, StepError> {
    if there.deleted {
        remove(tx, ticket, now).await?;
        return Ok(Vec::new());
    }
    let authorities = authorities(tx, &connection.id).await?;
    let (before, synced) = (ticket.clone(), tx.ticket_sync(&ticket.id).await?);
    let mut sync = synced.clone();
    let (ours, theirs) = (values(ticket), Values::theirs(there));
    let agreed = sync.agreed.take().unwrap_or_else(|| sync::first_agreement(&ours, &theirs));
    let changed = UnixMs(i64::try_from(there.updated_ms).unwrap_or(i64::MAX));
    let theirs = Theirs { values: &theirs, changed };
    let merged = sync::merge(&agreed, Ours { values: &ours, changed: &sync.changed }, theirs, &authorities, now);
    let foreign = there.updated_by.as_ref().filter(|who| connection.account.as_ref() != Some(*who));
    if !merged.taken.is_empty()
        && sync.touched_by.is_none()
        && let Some(who) = foreign
    {
        sync.touched_by = Some(format!("{who} changed it"));
    }
    adopt_values(tx, ticket, &merged.ours, now).await?;
    sync.gone = false;
    sync.agreed = Some(merged.agreed);
    sync.status = Some(there.status.clone());
    sync.status_class = Some(there.status_class.as_str().to_owned());
    sync.decided.extend(merged.decided);
    let surplus = sync.decided.len().saturating_sub(DECISIONS_MAX);
    sync.decided.drain(..surplus);
    if there.url.is_some() {
        ticket.external_url.clone_from(&there.url);
    }
    ticket.external_number = Some(there.number.clone());
    if *ticket != before {
        ticket.updated = now;
        tx.update_ticket(ticket).await?;
    }
    if sync != synced {
        tx.put_ticket_sync(&ticket.id, &sync).await?;
    }
    Ok(merged.push)
}

/// Gives a ticket of ours these values. One that is open again must not be a second open one of its alert.
async fn adopt_values(tx: &mut Tx, ticket: &mut TicketRow, values: &Values, now: UnixMs) -> Result<(), StepError> {
    if let Some(summary) = values.get(Field::Summary) {
        ticket.summary = summary.to_owned();
    }
    if let Some(board) = values.get(Field::Board) {
        ticket.board = board.to_owned();
    }
    ticket.priority = values.get(Field::Priority).map(str::to_owned);
    match (ticket.state, values.is_over()) {
        (TicketState::Open, true) => ticket.state = TicketState::Closed,
        (TicketState::Closed, false) => {
            reopen(ticket);
            if let Some(other) = other_open(tx, ticket).await? {
                ticket.alert = None;
                let words = format!(
                    "It was opened again. Its alert has ticket #{} now, and this one goes on without.",
                    other.number
                );
                say(tx, &ticket.id, words, now).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Opens our ticket again: what its alert wanted before is over.
pub fn reopen(ticket: &mut TicketRow) {
    ticket.state = TicketState::Open;
    ticket.delivery.close_wanted = false;
    ticket.delivery.close_settled = false;
    ticket.delivery.returned = false;
}

/// Returns another ticket that is open for the same alert.
pub async fn other_open(tx: &mut Tx, ticket: &TicketRow) -> Result<Option<TicketRow>, StoreError> {
    let Some(alert) = &ticket.alert else { return Ok(None) };
    Ok(tx.open_ticket_of_alert(alert).await?.filter(|other| other.id != ticket.id))
}

/// Notes that a ticket is not there any more. It is never made a second time in silence: a person, or an alert that comes
/// back, makes a new one.
pub async fn remove(tx: &mut Tx, ticket: &TicketRow, now: UnixMs) -> Result<(), StepError> {
    let mut sync = tx.ticket_sync(&ticket.id).await?;
    if !sync.gone {
        sync.gone = true;
        tx.put_ticket_sync(&ticket.id, &sync).await?;
        say(tx, &ticket.id, "The ticket was deleted in the other system.".to_owned(), now).await?;
    }
    Ok(())
}

/// Follows a ticket that is another one there now.
pub async fn relink(
    tx: &mut Tx,
    connection: &ConnectionId,
    ticket: &mut TicketRow,
    survivor: &str,
    now: UnixMs,
) -> Result<(), StepError> {
    let Some(old) = ticket.delivery.external_id.replace(survivor.to_owned()) else { return Ok(()) };
    if old == survivor {
        return Ok(());
    }
    tx.insert_alias(connection, &old, &ticket.id).await?;
    ticket.external_number = Some(survivor.to_owned());
    ticket.external_url = None;
    ticket.updated = now;
    tx.update_ticket(ticket).await?;
    let mut sync = tx.ticket_sync(&ticket.id).await?;
    // The survivor's notes are all new to us.
    (sync.gone, sync.notes_since) = (false, None);
    tx.put_ticket_sync(&ticket.id, &sync).await?;
    say(tx, &ticket.id, format!("In the other system, {old} was merged into {survivor}."), now).await
}

/// Returns who decides where both sides changed a field.
async fn authorities(tx: &mut Tx, connection: &ConnectionId) -> Result<Authorities, StoreError> {
    Ok(tx.connection_sync(connection).await?.map_or(Authorities::standard(), |sync| sync.authorities))
}

/// Puts what the host has to say on a ticket of ours; it stays here.
async fn say(tx: &mut Tx, ticket: &TicketId, body: String, now: UnixMs) -> Result<(), StepError> {
    let note = NoteRow {
        id: NoteId::from_random(clock::random()?),
        ticket: ticket.clone(),
        source: "system".to_owned(),
        author: None,
        audience: Audience::Internal,
        body,
        created: now,
        external_id: None,
        sending: None,
        sent: None,
    };
    tx.insert_note(&note).await?;
    Ok(())
}

/// Notes that a person changed these fields of our side, or wrote on it.
pub fn touched(sync: &mut TicketSync, who: &str, fields: &[Field], now: UnixMs) {
    sync.changed.extend(fields.iter().map(|field| (*field, now)));
    sync.touched_by.get_or_insert_with(|| who.to_owned());
}
