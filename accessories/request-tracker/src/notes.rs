//! Notes: what people and we write on a ticket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fitment_sdk::ticketing::{Audience, Error, NewNote, Note, NotesPage};
use serde_json::json;

use crate::client::{self, Client};
use crate::wire::{Attachment, Page, Transaction};
use crate::{html, text, tickets, time};

/// Notes of one page. Each costs two requests, and a run may make 20.
const NOTES_MAX: usize = 8;
/// So that a page of the longest notes stays below what a run may return.
const BODY_BYTES_MAX: usize = 28 * 1024;
/// Request Tracker reads a date in the time zone of the account, which may be this far away from UTC.
const TIME_ZONES_MS: u64 = 26 * 60 * 60 * 1000;

/// Adds a note: a comment for technicians, a reply for the customer. The reference is its last line, to know it again.
pub(crate) fn add(client: &Client, ticket: &str, note: &NewNote) -> Result<(), Error> {
    let ticket = tickets::checked(ticket)?;
    let action = match note.audience {
        Audience::Internal => "comment",
        Audience::Customer => "correspond",
    };
    let content = format!("{}\n\n{}", note.body.trim_end(), note.external_ref);
    let body = json!({ "Content": content, "ContentType": "text/plain" });
    match client.write("POST", &["/ticket/", ticket, "/", action].concat(), &body, None) {
        Ok(_) => Ok(()),
        // "Message could not be recorded" is also what a ticket that is not there answers.
        Err(refused @ Error::Invalid(_)) => Err(tickets::get(client, ticket).err().unwrap_or(refused)),
        Err(other) => Err(other),
    }
}

/// Lists the notes since a time. The cursor is the number of the last history entry that was looked at.
pub(crate) fn list(
    client: &Client,
    ticket: &str,
    since: Option<u64>,
    cursor: Option<&str>,
) -> Result<NotesPage, Error> {
    // A list of the notes of no ticket is empty, not an error; and a merged ticket's notes are its survivor's.
    let ticket = tickets::get(client, ticket)?;
    let since = since.unwrap_or(0);
    let mut query = format!(
        "ObjectType = 'RT::Ticket' AND ObjectId = {} AND (Type = 'Create' OR Type = 'Comment' OR Type = 'Correspond')",
        ticket.id
    );
    if since > TIME_ZONES_MS {
        query += &format!(" AND Created >= '{}'", time::sql_date(since - TIME_ZONES_MS));
    }
    if let Some(cursor) = cursor {
        if !text::is_number(cursor) {
            return Err(Error::invalid_field("cursor", "this is no cursor of a page of notes"));
        }
        query += &format!(" AND id > {cursor}");
    }
    let request = client.get("/transactions").query("query", &query).query("fields", "Type,Created,Creator");
    let request = request.query("orderby", "id").query("order", "ASC").query("per_page", &NOTES_MAX.to_string());
    let page: Page<Transaction> = client.read(request)?;

    let next = page.items.last().filter(|_| page.items.len() == NOTES_MAX).map(|last| last.id.0.clone());
    let mut notes = Vec::new();
    for transaction in page.items {
        let created = time::parse(&transaction.created.0)
            .ok_or_else(|| Error::BadResponse(format!("{:?} is no time", transaction.created.0)))?;
        // Stamps are whole seconds: one of the same second may be later.
        if created + u64::from(time::GRAIN_MS) > since {
            notes.extend(note(client, transaction, created)?);
        }
    }
    Ok((notes, next))
}

fn note(client: &Client, transaction: Transaction, created: u64) -> Result<Option<Note>, Error> {
    let id = transaction.id.0;
    let parts = client.get(&["/transaction/", &id, "/attachments"].concat());
    let parts: Page<Attachment> =
        client.read(parts.query("fields", "ContentType,Filename").query("per_page", "100"))?;
    let part = |kind: &str| parts.items.iter().find(|part| part.content_type.0 == kind && part.filename.0.is_empty());
    let Some(part) = part("text/plain").or_else(|| part("text/html")) else {
        return Ok(None);
    };
    let body = body(client, part)?;
    let audience = if transaction.kind.0 == "Comment" { Audience::Internal } else { Audience::Customer };
    Ok(Some(Note { id, audience, body, author: transaction.creator.map(|user| user.id.0), created }))
}

fn body(client: &Client, part: &Attachment) -> Result<String, Error> {
    let response = client.read_response(client.get(&["/attachment/", &part.id.0].concat()))?;
    if response.truncated {
        return Ok("(This note is too long to be carried: read it in Request Tracker.)".to_owned());
    }
    let attachment: Attachment = client::json(&response)?;
    let mut encoded = attachment.content.0;
    encoded.retain(|c| !c.is_ascii_whitespace());
    let bytes =
        STANDARD.decode(encoded).map_err(|error| Error::BadResponse(format!("attachment {}: {error}", part.id.0)))?;
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    let text = if part.content_type.0 == "text/html" { html::to_text(&text) } else { text };
    Ok(text::cut(text, BODY_BYTES_MAX))
}
