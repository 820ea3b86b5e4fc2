//! Notes on our tickets: written here, or in the other system.

use fitment_domain::id::{NoteId, TicketId};
use fitment_domain::ticket::remote::Audience;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::{Row, storable};
use crate::{Result, Tx};

/// A note as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteRow {
    pub id: NoteId,
    pub ticket: TicketId,
    /// `here`, `there`, or `system` for what the host itself has to say.
    pub source: String,
    pub author: Option<String>,
    pub audience: Audience,
    pub body: String,
    pub created: UnixMs,
    /// Its id in the other system, as far as it is known.
    pub external_id: Option<String>,
    /// Since when it is on its way there, without an answer in the ledger.
    pub sending: Option<UnixMs>,
    /// When the other system had it.
    pub sent: Option<UnixMs>,
}

macro_rules! columns {
    () => {
        "id, ticket_id, source, author, audience, body, created, external_id, sending, sent"
    };
}

fn note(row: &Row<'_>) -> Result<NoteRow> {
    Ok(NoteRow {
        id: row.parsed("id", NoteId::parse)?,
        ticket: row.parsed("ticket_id", TicketId::parse)?,
        source: row.text("source")?,
        author: row.text_opt("author")?,
        audience: row.word("audience", Audience::parse)?,
        body: row.text("body")?,
        created: row.time("created")?,
        external_id: row.text_opt("external_id")?,
        sending: row.time_opt("sending")?,
        sent: row.time_opt("sent")?,
    })
}

impl Tx {
    /// Keeps a new note. One that the other system made is kept once; returns whether it is new.
    pub async fn insert_note(&mut self, note: &NoteRow) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "insert into ticket_notes (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (tenant_id, ticket_id, external_id) do nothing"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(note.id.as_str())
            .bind(note.ticket.as_str())
            .bind(&note.source)
            .bind(note.author.as_deref().map(storable))
            .bind(note.audience.as_str())
            .bind(storable(&note.body))
            .bind(note.created.0)
            .bind(note.external_id.as_deref().map(storable))
            .bind(note.sending.map(|at| at.0))
            .bind(note.sent.map(|at| at.0));
        Ok(self.execute(statement).await? > 0)
    }

    /// Returns the notes on a ticket, the oldest first, at most 500.
    pub async fn notes(&mut self, ticket: &TicketId) -> Result<Vec<NoteRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from ticket_notes where tenant_id = $1 and ticket_id = $2 order by created, id limit 500"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(ticket.as_str())).await?;
        rows.iter().map(|row| note(&Row::of("ticket_notes", row))).collect()
    }

    /// Returns the notes written here that the other system does not have yet, the oldest first.
    pub async fn unsent_notes(&mut self, ticket: &TicketId) -> Result<Vec<NoteRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from ticket_notes where tenant_id = $1 and ticket_id = $2 and source = 'here' and sent is null \
             order by created, id limit 100"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(ticket.as_str())).await?;
        rows.iter().map(|row| note(&Row::of("ticket_notes", row))).collect()
    }

    /// Notes how far a note is on its way. What is there is there: the time at which it was sent stays, and so does its external id.
    pub async fn set_note_sent(
        &mut self,
        id: &NoteId,
        sending: Option<UnixMs>,
        sent: Option<UnixMs>,
        external_id: Option<&str>,
    ) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update ticket_notes set sending = $3, sent = coalesce(sent, $4), external_id = coalesce($5, external_id) \
                   where tenant_id = $1 and id = $2";
        let statement = query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(sending.map(|at| at.0));
        self.execute(statement.bind(sent.map(|at| at.0)).bind(external_id.map(storable))).await?;
        Ok(())
    }
}
