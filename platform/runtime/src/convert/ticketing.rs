//! Tickets of other systems.

use fitment_domain::ticket::remote;

use crate::contract::connector::exports::fitment::accessory::ticketing::Description;
use crate::contract::offered::ticketing_types as wit;

impl From<Description> for remote::Description {
    fn from(description: Description) -> Self {
        let can = |capability| description.capabilities.contains(capability);
        Self {
            capabilities: remote::Capabilities {
                create: can(wit::Capabilities::CREATE),
                update: can(wit::Capabilities::UPDATE),
                change_board: can(wit::Capabilities::CHANGE_BOARD),
                internal_notes: can(wit::Capabilities::INTERNAL_NOTES),
                public_notes: can(wit::Capabilities::PUBLIC_NOTES),
                custom_fields: can(wit::Capabilities::CUSTOM_FIELDS),
                conditional_write: can(wit::Capabilities::CONDITIONAL_WRITE),
                idempotent_create: can(wit::Capabilities::IDEMPOTENT_CREATE),
                external_ref_search: can(wit::Capabilities::EXTERNAL_REF_SEARCH),
            },
            product: description.product,
            product_version: description.product_version,
            account: description.account,
            clock_grain_ms: description.clock_grain_ms,
        }
    }
}

impl From<wit::Ticket> for remote::Ticket {
    fn from(ticket: wit::Ticket) -> Self {
        Self {
            id: ticket.id,
            number: ticket.number,
            version: ticket.version,
            url: ticket.url,
            aliases: ticket.aliases,
            deleted: ticket.deleted,
            board: ticket.board,
            status: ticket.status,
            status_class: match ticket.status_class {
                wit::StatusClass::New => remote::StatusClass::New,
                wit::StatusClass::Open => remote::StatusClass::Open,
                wit::StatusClass::WaitingCustomer => remote::StatusClass::WaitingCustomer,
                wit::StatusClass::WaitingOther => remote::StatusClass::WaitingOther,
                wit::StatusClass::Resolved => remote::StatusClass::Resolved,
                wit::StatusClass::Closed => remote::StatusClass::Closed,
                wit::StatusClass::Cancelled => remote::StatusClass::Cancelled,
            },
            priority: ticket.priority,
            summary: ticket.summary,
            external_ref: ticket.external_ref,
            created_ms: ticket.created,
            updated_ms: ticket.updated,
            updated_by: ticket.updated_by,
        }
    }
}

impl From<wit::Note> for remote::Note {
    fn from(note: wit::Note) -> Self {
        let audience = match note.audience {
            wit::Audience::Internal => remote::Audience::Internal,
            wit::Audience::Customer => remote::Audience::Customer,
        };
        Self { id: note.id, audience, body: note.body, author: note.author, created_ms: note.created }
    }
}

impl From<wit::Error> for remote::Error {
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::RateLimited(wait_ms) => Self::RateLimited(wait_ms),
            wit::Error::NotFound => Self::NotFound,
            wit::Error::Gone(survivor) => Self::Gone(survivor),
            wit::Error::Conflict => Self::Conflict,
            wit::Error::AuthFailed(text) => Self::AuthFailed(text),
            wit::Error::Forbidden(text) => Self::Forbidden(text),
            wit::Error::Invalid(problems) => {
                let problem = |p: wit::FieldProblem| remote::FieldProblem { field: p.field, message: p.message };
                Self::Invalid(problems.into_iter().map(problem).collect())
            }
            wit::Error::Unsupported(text) => Self::Unsupported(text),
            wit::Error::Partial((id, undone)) => Self::Partial(id, undone),
            wit::Error::OutcomeUnknown(text) => Self::OutcomeUnknown(text),
            wit::Error::Unavailable(wait_ms) => Self::Unavailable(wait_ms),
            wit::Error::BadResponse(text) => Self::BadResponse(text),
        }
    }
}

impl From<remote::NewTicket> for wit::NewTicket {
    fn from(ticket: remote::NewTicket) -> Self {
        Self {
            external_ref: ticket.external_ref,
            board: ticket.board,
            status: ticket.status,
            priority: ticket.priority,
            summary: ticket.summary,
            description: ticket.description,
        }
    }
}

impl From<remote::TicketPatch> for wit::TicketPatch {
    fn from(patch: remote::TicketPatch) -> Self {
        Self { summary: patch.summary, board: patch.board, status: patch.status, priority: patch.priority }
    }
}

impl From<remote::NewNote> for wit::NewNote {
    fn from(note: remote::NewNote) -> Self {
        let audience = match note.audience {
            remote::Audience::Internal => wit::Audience::Internal,
            remote::Audience::Customer => wit::Audience::Customer,
        };
        Self { external_ref: note.external_ref, audience, body: note.body }
    }
}
