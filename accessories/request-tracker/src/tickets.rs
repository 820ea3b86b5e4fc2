//! Tickets: read, found, created, changed.

use fitment_sdk::http::percent_encode;
use fitment_sdk::ticketing::{Error, FieldProblem, NewTicket, Ticket, TicketPatch};
use serde_json::{Map, Value, json};

use crate::client::{self, Client};
use crate::text::{is_number, quoted, subject};
use crate::time;
use crate::wire::{self, Id, Page, Text};

/// Reads one ticket. Of a merged one Request Tracker answers the survivor, which then has the old id as an alias.
pub(crate) fn get(client: &Client, id: &str) -> Result<Ticket, Error> {
    Ok(read(client, id)?.ticket)
}

/// Finds the oldest ticket of a reference, whatever its status; deleted ones are in no list of Request Tracker.
pub(crate) fn find(client: &Client, external_ref: &str) -> Result<Option<Ticket>, Error> {
    if external_ref.is_empty() {
        return Ok(None);
    }
    let query = format!("CF.{{{}}} = {}", client.config.external_reference_field, quoted(external_ref));
    let request = client.get("/tickets").query("query", &query);
    let found: Page<Id> = client.read(request.query("orderby", "id").query("order", "ASC").query("per_page", "1"))?;
    found.items.first().map(|oldest| get(client, &oldest.id.0)).transpose()
}

/// Creates a ticket, and looks whether all of it is really there: a ticket without its reference would be made again.
pub(crate) fn create(client: &Client, new: &NewTicket) -> Result<Ticket, Error> {
    let mut body = json!({
        "Queue": new.board,
        "Subject": subject(&new.summary),
        "Content": new.description,
        "ContentType": "text/plain",
        "CustomFields": { &client.config.external_reference_field: new.external_ref },
    });
    if let Some(status) = &new.status {
        body["Status"] = json!(status);
    }
    if let Some(priority) = &new.priority {
        body["Priority"] = number(priority)?;
    }
    let response = client.write("POST", "/ticket", &body, None).map_err(|error| no_queue(client, &new.board, error))?;
    let Some(id) = client::json::<Id>(&response).ok().map(|made| made.id.0).filter(|id| is_number(id)) else {
        return Err(Error::OutcomeUnknown("Request Tracker's answer does not say which ticket it made".to_owned()));
    };
    let stored = read(client, &id)
        .map_err(|error| Error::Partial((id.clone(), format!("made, but not read back: {error:?}"))))?;

    let mut undone = stored.differences(&TicketPatch {
        summary: None,
        board: Some(new.board.clone()),
        status: new.status.clone(),
        priority: new.priority.clone(),
    });
    if stored.ticket.external_ref.as_deref() != Some(&new.external_ref) {
        undone.push("external-ref");
    }
    if undone.is_empty() {
        Ok(stored.ticket)
    } else {
        Err(Error::Partial((id, format!("Request Tracker made the ticket without: {}", undone.join(", ")))))
    }
}

/// Changes a ticket, and looks which of the changes Request Tracker really made: it answers 200 either way.
pub(crate) fn update(client: &Client, id: &str, patch: &TicketPatch, expected: Option<&str>) -> Result<Ticket, Error> {
    let id = checked(id)?;
    let patch = TicketPatch { summary: patch.summary.as_deref().map(subject), ..patch.clone() };
    let mut body = Map::new();
    let texts = [("Subject", &patch.summary), ("Queue", &patch.board), ("Status", &patch.status)];
    body.extend(texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?)))));
    if let Some(priority) = &patch.priority {
        body.insert("Priority".to_owned(), number(priority)?);
    }
    if body.is_empty() {
        return get(client, id);
    }
    let response = client.write("PUT", &["/ticket/", id].concat(), &body, expected)?;
    let stored =
        read(client, id).map_err(|error| Error::OutcomeUnknown(format!("changed, but not read back: {error:?}")))?;
    let undone = stored.differences(&patch);
    if undone.is_empty() {
        return Ok(stored.ticket);
    }
    let said = response.json::<Vec<Text>>().unwrap_or_default();
    let said = said.iter().map(|line| line.0.as_str()).collect::<Vec<_>>().join("; ");
    if said.contains("Permission Denied") {
        return Err(Error::Forbidden(said));
    }
    let problem = |field: &str| FieldProblem { field: field.to_owned(), message: said.clone() };
    Err(Error::Invalid(undone.into_iter().map(problem).collect()))
}

/// A ticket as stored, with the second name of its board.
struct Stored {
    ticket: Ticket,
    queue_id: String,
}

impl Stored {
    /// Names what a patch asked for and the ticket does not have.
    fn differences(&self, wanted: &TicketPatch) -> Vec<&'static str> {
        let ticket = &self.ticket;
        let missing = |wanted: &Option<String>, has: &dyn Fn(&str) -> bool| wanted.as_deref().is_some_and(|w| !has(w));
        let checks = [
            ("summary", missing(&wanted.summary, &|w| w == ticket.summary)),
            ("board", missing(&wanted.board, &|w| w.eq_ignore_ascii_case(&ticket.board) || w == self.queue_id)),
            ("status", missing(&wanted.status, &|w| w.eq_ignore_ascii_case(&ticket.status))),
            (
                "priority",
                missing(&wanted.priority, &|w| {
                    w.parse::<i64>().ok() == ticket.priority.as_ref().and_then(|p| p.parse().ok())
                }),
            ),
        ];
        checks.into_iter().filter(|(_, missing)| *missing).map(|(field, _)| field).collect()
    }
}

fn read(client: &Client, id: &str) -> Result<Stored, Error> {
    let path = ["/ticket/", checked(id)?].concat();
    let response = client.read_response(client.get(&path).query("fields[Queue]", "Name"))?;
    let wire: wire::Ticket = client::json(&response)?;
    let queue_id = wire.queue.id.0.clone();
    let mut ticket = ticket(client, wire)?;
    ticket.version = response.header("ETag").map(str::to_owned);
    if ticket.id != id {
        ticket.aliases.push(id.to_owned());
    }
    Ok(Stored { ticket, queue_id })
}

/// Reads the tickets that a TicketSQL finds, by id; they come without versions. Merged and deleted ones are in no list.
pub(crate) fn list(client: &Client, query: &str, max: u32) -> Result<Vec<Ticket>, Error> {
    const FIELDS: &str = "Subject,Status,Queue,Priority,Created,LastUpdated,LastUpdatedBy,CustomFields";
    let request = client.get("/tickets").query("query", query).query("fields", FIELDS).query("fields[Queue]", "Name");
    let request = request.query("orderby", "id").query("order", "ASC").query("per_page", &max.to_string());
    let page: Page<wire::Ticket> = client.read(request)?;
    page.items.into_iter().map(|wire| ticket(client, wire)).collect()
}

fn ticket(client: &Client, wire: wire::Ticket) -> Result<Ticket, Error> {
    let stamp =
        |text: &Text| time::parse(&text.0).ok_or_else(|| Error::BadResponse(format!("{:?} is no time", text.0)));
    let config = &client.config;
    let reference = wire.custom_fields.into_iter().find(|field| field.name.0 == config.external_reference_field);
    let queue_id = wire.queue.id.0;
    Ok(Ticket {
        url: Some(format!("{}/Ticket/Display.html?id={}", config.url, wire.id.0)),
        version: None,
        aliases: Vec::new(),
        number: wire.id.0.clone(),
        id: wire.id.0,
        deleted: wire.status.0 == "deleted",
        board: wire.queue.name.map_or(queue_id, |name| name.0),
        status_class: config.class(&wire.status.0),
        status: wire.status.0,
        priority: Some(wire.priority.0).filter(|priority| !priority.is_empty()),
        summary: wire.subject.0,
        external_ref: reference.and_then(|field| field.values.into_iter().next()).map(|value| value.0),
        created: stamp(&wire.created)?,
        updated: stamp(&wire.last_updated)?,
        updated_by: wire.last_updated_by.map(|user| user.id.0),
    })
}

/// Lets only numbers through: the id goes into a path, and Request Tracker has no other tickets.
pub(crate) fn checked(id: &str) -> Result<&str, Error> {
    if is_number(id) { Ok(id) } else { Err(Error::NotFound) }
}

fn number(priority: &str) -> Result<Value, Error> {
    match priority.parse::<i32>() {
        Ok(number) => Ok(json!(number)),
        Err(_) => Err(Error::invalid_field("priority", "Request Tracker takes a whole number, such as 50")),
    }
}

/// Request Tracker answers 403 for a queue that does not exist, as for one without rights; only the queue itself tells.
fn no_queue(client: &Client, board: &str, error: Error) -> Error {
    if !matches!(error, Error::Forbidden(_)) {
        return error;
    }
    let mut path = String::from("/queue/");
    percent_encode(board, &mut path);
    match client.read::<Id>(client.get(&path)) {
        Err(Error::NotFound) => Error::invalid_field("board", "Request Tracker has no queue of this name"),
        _ => error,
    }
}
