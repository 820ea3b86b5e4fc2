//! What people changed and wrote, on either side, goes to the other: fields by three-way merge, notes once.

use fitment_domain::id::{NoteId, TicketId};
use fitment_domain::sync::{self, Field, Values};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::remote::{Answer, Call, Error, NewNote, Note, Ticket};
use fitment_domain::ticket::{Origin, note_reference, origin_of};
use fitment_domain::time::UnixMs;
use fitment_store::{ConnectionSync, NoteRow, TicketSync, Tx};

use super::{Delivering, NOTE_PAGES_MAX};
use crate::clock;
use crate::connector::ConnectorError;
use crate::in_step;
use crate::work::{JobError, Next};

/// How often a ticket that is changed there at the same moment is read again.
const TRIES_MAX: usize = 4;
/// So far the other system's clock may be behind ours.
const CLOCK_MS: u64 = 24 * 60 * 60 * 1_000;

impl Delivering<'_> {
    /// Brings over what either side has and the other has not.
    pub(super) async fn exchange(&mut self) -> Result<Next, JobError> {
        if !self.fields().await? {
            return Ok(Next::Done);
        }
        self.collect_notes().await?;
        self.send_notes().await
    }

    /// Brings over fields that were changed here. Returns false if there is no ticket to exchange anything with.
    async fn fields(&mut self) -> Result<bool, JobError> {
        for _ in 0..TRIES_MAX {
            let mut tx = self.read_tx().await?;
            let Some(ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(false) };
            let sync = tx.ticket_sync(&ticket.id).await?;
            drop(tx);
            self.ticket = ticket;
            let Some(id) = self.ticket.delivery.external_id.clone().filter(|_| !sync.gone) else { return Ok(false) };
            let unsent =
                sync.agreed.as_ref().is_none_or(|agreed| sync::has_unsent(agreed, &in_step::values(&self.ticket)));
            if !unsent {
                return Ok(true);
            }
            let there = match self.read(id).await {
                Ok(there) if !there.deleted => there,
                Ok(_) => return self.lost().await,
                Err(JobError::Connector(ConnectorError::Remote {
                    error: Error::NotFound | Error::Gone(None), ..
                })) => {
                    return self.lost().await;
                }
                Err(JobError::Connector(ConnectorError::Remote { error: Error::Gone(Some(survivor)), .. })) => {
                    self.follow(&survivor).await?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let fields = self.merge(&there).await?;
            if fields.is_empty() || self.push(&fields, there).await? {
                return Ok(true);
            }
        }
        // Somebody there types faster than we write.
        Err(ConnectorError::Remote { call: "update-ticket", error: Error::Conflict }.into())
    }

    /// Takes the ticket there into account, and returns what is to go there.
    async fn merge(&mut self, there: &Ticket) -> Result<Vec<Field>, JobError> {
        let now = self.app.now();
        let mut tx = self.write_tx().await?;
        let Some(mut ticket) = tx.ticket(&self.ticket.id).await? else { return Ok(Vec::new()) };
        in_step::relink(&mut tx, &self.connection.id, &mut ticket, &there.id, now).await?;
        let fields = in_step::take(&mut tx, &self.connection, &mut ticket, there, now).await?;
        tx.commit().await?;
        self.ticket = ticket;
        Ok(fields)
    }

    /// Goes on under the number of the ticket that ours was merged into.
    async fn follow(&mut self, survivor: &str) -> Result<(), JobError> {
        let mut tx = self.write_tx().await?;
        if let Some(mut ticket) = tx.ticket(&self.ticket.id).await? {
            in_step::relink(&mut tx, &self.connection.id, &mut ticket, survivor, self.app.now()).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Writes fields of ours there. Returns false if the ticket was changed there in between.
    async fn push(&mut self, fields: &[Field], there: Ticket) -> Result<bool, JobError> {
        let mut tx = self.read_tx().await?;
        let settings = tx.connection_sync(&self.connection.id).await?.unwrap_or_else(ConnectionSync::standard);
        drop(tx);
        let ours = in_step::values(&self.ticket);
        let patch = sync::patch(fields, &ours, &self.connection.closed_status, &settings.open_status);
        let call = Call::UpdateTicket { ticket: there.id, patch, expected: there.version };
        let after = match self.call(call).await {
            Ok(Answer::Ticket(after)) => after,
            Ok(_) => return Err(ConnectorError::WrongAnswer("update-ticket").into()),
            Err(ConnectorError::Remote { error: Error::Conflict, .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut tx = self.write_tx().await?;
        let mut sync = tx.ticket_sync(&self.ticket.id).await?;
        if let Some(agreed) = &mut sync.agreed {
            sync::pushed(agreed, fields, &ours, &Values::theirs(&after));
        }
        sync.status = Some(after.status);
        sync.status_class = Some(after.status_class.as_str().to_owned());
        tx.put_ticket_sync(&self.ticket.id, &sync).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn lost(&mut self) -> Result<bool, JobError> {
        let mut tx = self.write_tx().await?;
        in_step::remove(&mut tx, &self.ticket, self.app.now()).await?;
        tx.commit().await?;
        Ok(false)
    }

    /// Reads the notes that we were told of.
    async fn collect_notes(&mut self) -> Result<(), JobError> {
        let mut tx = self.read_tx().await?;
        let sync = tx.ticket_sync(&self.ticket.id).await?;
        drop(tx);
        if sync.notes_asked <= sync.notes_read {
            return Ok(());
        }
        let since_ms = sync.notes_since.and_then(|at| u64::try_from(at.0).ok());
        let mut cursor = None;
        for _ in 0..NOTE_PAGES_MAX {
            let (notes, next) = self.notes_page(since_ms, cursor).await?;
            let asked = next.is_none().then_some(sync.notes_asked);
            self.keep_notes(notes, asked).await?;
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn notes_page(
        &self,
        since_ms: Option<u64>,
        cursor: Option<String>,
    ) -> Result<(Vec<Note>, Option<String>), JobError> {
        let ticket = self.ticket.delivery.external_id.clone().unwrap_or_default();
        match self.call(Call::ListNotes { ticket, since_ms, cursor }).await? {
            Answer::Notes { notes, next } => Ok((notes, next)),
            _ => Err(ConnectorError::WrongAnswer("list-notes").into()),
        }
    }

    /// Keeps notes that somebody wrote there; what we wrote ourselves comes back as an echo. With the last page, what was asked
    /// for is done.
    async fn keep_notes(&self, notes: Vec<Note>, asked: Option<i64>) -> Result<(), JobError> {
        let now = self.app.now();
        let mut tx = self.write_tx().await?;
        let mut sync = tx.ticket_sync(&self.ticket.id).await?;
        for note in notes {
            let created = UnixMs(i64::try_from(note.created_ms).unwrap_or(i64::MAX));
            sync.notes_since = sync.notes_since.max(Some(created));
            let account = self.connection.account.as_deref();
            match origin_of(&note, &self.ticket.id, &self.ticket.description, account) {
                Origin::Echo => {}
                Origin::Ours(id) => tx.set_note_sent(&id, None, Some(now), Some(&note.id)).await?,
                Origin::There => keep_note(&mut tx, &self.ticket.id, note, created, &mut sync).await?,
            }
        }
        sync.notes_read = asked.unwrap_or(sync.notes_read);
        tx.put_ticket_sync(&self.ticket.id, &sync).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Sends the notes written here, each once: the ledger says that one is on its way before it goes.
    async fn send_notes(&mut self) -> Result<Next, JobError> {
        let mut tx = self.read_tx().await?;
        let unsent = tx.unsent_notes(&self.ticket.id).await?;
        drop(tx);
        for note in unsent {
            if let Some(sending) = note.sending {
                let until = sending.plus_ms(self.connector.call_ms_max());
                if self.app.now() < until {
                    return Ok(Next::At(until));
                }
                if self.arrived(&note).await? {
                    continue;
                }
            }
            self.send_note(note).await?;
        }
        Ok(Next::Done)
    }

    /// Looks whether a note is there whose answer was lost.
    async fn arrived(&self, note: &NoteRow) -> Result<bool, JobError> {
        let since_ms = u64::try_from(note.created.0).ok().map(|created| created.saturating_sub(CLOCK_MS));
        let mut cursor = None;
        for _ in 0..NOTE_PAGES_MAX {
            let (notes, next) = self.notes_page(since_ms, cursor).await?;
            let reference = note_reference(&self.ticket.id, &note.id);
            if let Some(there) = notes.iter().find(|there| there.body.trim_end().ends_with(&reference)) {
                self.note_sent(&note.id, None, Some(self.app.now()), Some(&there.id)).await?;
                return Ok(true);
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(false)
    }

    async fn send_note(&self, note: NoteRow) -> Result<(), JobError> {
        self.note_sent(&note.id, Some(self.app.now()), None, None).await?;
        let author = note.author.as_deref().map(|author| format!("\n\n{author}")).unwrap_or_default();
        let new = NewNote {
            external_ref: note_reference(&self.ticket.id, &note.id),
            audience: note.audience,
            body: format!("{}{author}", note.body.trim_end()),
        };
        let ticket = self.ticket.delivery.external_id.clone().unwrap_or_default();
        match self.call(Call::AddNote { ticket, note: new }).await {
            Ok(_) => self.note_sent(&note.id, None, Some(self.app.now()), None).await,
            Err(error) => {
                if !error.maybe_written() {
                    // It surely did not happen: the next try need not wait.
                    self.note_sent(&note.id, None, None, None).await?;
                }
                Err(error.into())
            }
        }
    }

    async fn note_sent(
        &self,
        id: &NoteId,
        sending: Option<UnixMs>,
        sent: Option<UnixMs>,
        external_id: Option<&str>,
    ) -> Result<(), JobError> {
        let mut tx = self.write_tx().await?;
        tx.set_note_sent(id, sending, sent, external_id).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn read_tx(&self) -> Result<Tx, JobError> {
        Ok(self.app.store.read(Scope::Tenant(self.tenant.clone())).await?)
    }

    async fn write_tx(&self) -> Result<Tx, JobError> {
        Ok(self.app.store.begin(Scope::Tenant(self.tenant.clone())).await?)
    }
}

async fn keep_note(
    tx: &mut Tx,
    ticket: &TicketId,
    note: Note,
    created: UnixMs,
    sync: &mut TicketSync,
) -> Result<(), JobError> {
    let author = note.author.clone().unwrap_or_else(|| "somebody".to_owned());
    let row = NoteRow {
        id: NoteId::from_random(clock::random()?),
        ticket: ticket.clone(),
        source: "there".to_owned(),
        author: note.author,
        audience: note.audience,
        body: note.body,
        created,
        external_id: Some(note.id),
        sending: None,
        sent: None,
    };
    if tx.insert_note(&row).await? {
        sync.touched_by.get_or_insert_with(|| format!("{author} wrote a note"));
    }
    Ok(())
}
