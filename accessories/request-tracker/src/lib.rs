//! Keeps tickets in Request Tracker 5 by its REST 2.0 interface.
//!
//! Request Tracker says "no" in ways that look like "yes": an update is answered 200 with a list of refusals, and a create
//! drops a custom-field value that it does not like and still answers 201. So every write is read back and compared.

mod changes;
mod client;
mod config;
mod describe;
mod html;
mod notes;
mod text;
mod tickets;
mod time;
mod wire;

use client::Client;
use fitment_sdk::ticketing::{Description, Error, NewNote, NewTicket, NotesPage, SyncPage, Ticket, TicketPatch};
use fitment_sdk::{Context, TicketingConnector, TicketingSync};

struct RequestTracker;

impl TicketingConnector for RequestTracker {
    fn describe(ctx: &Context) -> Result<Description, Error> {
        describe::describe(&Client::new(ctx)?)
    }

    fn get(ctx: &Context, ticket: &str) -> Result<Ticket, Error> {
        tickets::get(&Client::new(ctx)?, ticket)
    }

    fn find(ctx: &Context, external_ref: &str) -> Result<Option<Ticket>, Error> {
        tickets::find(&Client::new(ctx)?, external_ref)
    }

    fn create(ctx: &Context, ticket: &NewTicket) -> Result<Ticket, Error> {
        tickets::create(&Client::new(ctx)?, ticket)
    }

    fn update(ctx: &Context, ticket: &str, patch: &TicketPatch, expected: Option<&str>) -> Result<Ticket, Error> {
        tickets::update(&Client::new(ctx)?, ticket, patch, expected)
    }

    fn add_note(ctx: &Context, ticket: &str, note: &NewNote) -> Result<(), Error> {
        notes::add(&Client::new(ctx)?, ticket, note)
    }

    fn list_notes(ctx: &Context, ticket: &str, since: Option<u64>, cursor: Option<&str>) -> Result<NotesPage, Error> {
        notes::list(&Client::new(ctx)?, ticket, since, cursor)
    }
}

impl TicketingSync for RequestTracker {
    fn changes(ctx: &Context, cursor: Option<&[u8]>, boards: &[String], max: u32) -> Result<SyncPage, Error> {
        changes::changes(&Client::new(ctx)?, cursor, boards, max)
    }
}

fitment_sdk::export!(RequestTracker as ticketing_connector with ticketing_sync);
