//! Ticketing connectors: they run on the server, once per call, and reach only the origin of their connection.

use crate::bindings::ticketing_connector::exports::fitment::accessory::ticketing::Guest;
use crate::bindings::ticketing_connector::fitment::accessory::ticketing_types::UnixMs;
use crate::bindings::ticketing_sync::exports::fitment::accessory::ticketing_sync as sync;
use crate::{Context, Fault, panics};

pub use crate::bindings::ticketing_connector::exports::fitment::accessory::ticketing::Description;
pub use crate::bindings::ticketing_connector::fitment::accessory::ticketing_types::{
    Audience, Capabilities, Error, FieldProblem, NewNote, NewTicket, Note, StatusClass, Ticket, TicketPatch,
};
pub use sync::{Change, SyncPage};

/// One page of notes, oldest first, and the cursor of the next page.
pub type NotesPage = (Vec<Note>, Option<String>);

/// A connector to one ticketing system. Every id is opaque to the host: it comes back as it was given.
pub trait TicketingConnector {
    /// Checks credential and rights, and says what the system can do.
    fn describe(ctx: &Context) -> Result<Description, Error>;

    /// Reads one ticket; a merged ticket answers with its survivor.
    fn get(ctx: &Context, ticket: &str) -> Result<Ticket, Error>;

    /// Finds the ticket that carries this external reference; the oldest if there are several.
    fn find(ctx: &Context, external_ref: &str) -> Result<Option<Ticket>, Error>;

    /// Creates a ticket and returns it as the other system stored it.
    fn create(ctx: &Context, ticket: &NewTicket) -> Result<Ticket, Error>;

    /// Changes what the patch names, and checks that the change was really made.
    fn update(ctx: &Context, ticket: &str, patch: &TicketPatch, expected: Option<&str>) -> Result<Ticket, Error>;

    /// Adds a note.
    fn add_note(ctx: &Context, ticket: &str, note: &NewNote) -> Result<(), Error>;

    /// Lists the notes made since a time, oldest first, with the cursor of the next page.
    fn list_notes(ctx: &Context, ticket: &str, since: Option<u64>, cursor: Option<&str>) -> Result<NotesPage, Error>;
}

/// What a connector may add: what changed in the other system since the last look.
pub trait TicketingSync: TicketingConnector {
    /// Reads what changed after a cursor of its own; without one it begins with every ticket that carries an external
    /// reference. `max` is how many changes the host would like to get at a time.
    fn changes(ctx: &Context, cursor: Option<&[u8]>, boards: &[String], max: u32) -> Result<SyncPage, Error>;
}

impl<T: TicketingSync> sync::Guest for T {
    fn changes(cursor: Option<Vec<u8>>, boards: Vec<String>, max: u32) -> Result<SyncPage, Error> {
        panics::tell();
        T::changes(&Context::new(), cursor.as_deref(), &boards, max)
    }
}

impl<T: TicketingConnector> Guest for T {
    fn describe() -> Result<Description, Error> {
        panics::tell();
        T::describe(&Context::new())
    }

    fn get_ticket(ticket: String) -> Result<Ticket, Error> {
        panics::tell();
        T::get(&Context::new(), &ticket)
    }

    fn find_by_external_ref(external_ref: String) -> Result<Option<Ticket>, Error> {
        panics::tell();
        T::find(&Context::new(), &external_ref)
    }

    fn create_ticket(ticket: NewTicket) -> Result<Ticket, Error> {
        panics::tell();
        T::create(&Context::new(), &ticket)
    }

    fn update_ticket(ticket: String, patch: TicketPatch, expected: Option<String>) -> Result<Ticket, Error> {
        panics::tell();
        T::update(&Context::new(), &ticket, &patch, expected.as_deref())
    }

    fn add_note(ticket: String, note: NewNote) -> Result<(), Error> {
        panics::tell();
        T::add_note(&Context::new(), &ticket, &note)
    }

    fn list_notes(ticket: String, since: Option<UnixMs>, cursor: Option<String>) -> Result<NotesPage, Error> {
        panics::tell();
        T::list_notes(&Context::new(), &ticket, since, cursor.as_deref())
    }
}

impl Error {
    /// Makes a refusal that names one field.
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Invalid(vec![FieldProblem { field: field.into(), message: message.into() }])
    }

    /// Tells what a fault of a *reading* call means: nothing has changed, so it may be repeated.
    pub fn of_read(fault: Fault) -> Self {
        Self::before_sending(fault).unwrap_or(Error::Unavailable(None))
    }

    /// Tells what a fault of a *writing* call means: the write may have happened, so nobody may simply repeat it.
    pub fn of_write(fault: Fault) -> Self {
        let text = fault.to_text();
        Self::before_sending(fault).unwrap_or(Error::OutcomeUnknown(text))
    }

    /// The faults that the host finds before anything leaves it.
    fn before_sending(fault: Fault) -> Option<Self> {
        match fault {
            Fault::Denied(_) => Some(Error::Forbidden(fault.to_text())),
            Fault::NotFound(_) => Some(Error::AuthFailed(fault.to_text())),
            Fault::Invalid(text) => Some(Error::invalid_field("configuration", text)),
            Fault::Unsupported(text) => Some(Error::Unsupported(text)),
            Fault::TimedOut | Fault::Exhausted(_) | Fault::Failed(_) => None,
        }
    }
}
