//! A ticket in somebody else's system: the contract's ticketing records as values.

use serde::{Deserialize, Serialize};

/// What a status means, whatever it is called there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StatusClass {
    New,
    Open,
    WaitingCustomer,
    WaitingOther,
    Resolved,
    Closed,
    Cancelled,
}

impl StatusClass {
    /// Returns the word that databases and wires use; the same as the contract's.
    pub fn as_str(self) -> &'static str {
        match self {
            StatusClass::New => "new",
            StatusClass::Open => "open",
            StatusClass::WaitingCustomer => "waiting-customer",
            StatusClass::WaitingOther => "waiting-other",
            StatusClass::Resolved => "resolved",
            StatusClass::Closed => "closed",
            StatusClass::Cancelled => "cancelled",
        }
    }

    /// Returns whether nobody works on it any more.
    pub fn is_over(self) -> bool {
        matches!(self, StatusClass::Resolved | StatusClass::Closed | StatusClass::Cancelled)
    }
}

/// What a system can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    pub create: bool,
    pub update: bool,
    pub change_board: bool,
    pub internal_notes: bool,
    pub public_notes: bool,
    pub custom_fields: bool,
    pub conditional_write: bool,
    pub idempotent_create: bool,
    pub external_ref_search: bool,
}

/// What `describe` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    pub product: String,
    pub product_version: Option<String>,
    pub account: Option<String>,
    pub capabilities: Capabilities,
    pub clock_grain_ms: u32,
}

/// A ticket as the other system holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: String,
    pub number: String,
    pub version: Option<String>,
    pub url: Option<String>,
    pub aliases: Vec<String>,
    pub deleted: bool,
    pub board: String,
    pub status: String,
    pub status_class: StatusClass,
    pub priority: Option<String>,
    pub summary: String,
    pub external_ref: Option<String>,
    pub created_ms: u64,
    pub updated_ms: u64,
    pub updated_by: Option<String>,
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTicket {
    pub external_ref: String,
    pub board: String,
    pub status: Option<String>,
    pub priority: Option<String>,
    pub summary: String,
    pub description: String,
}

/// A change; absent means leave alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TicketPatch {
    pub summary: Option<String>,
    pub board: Option<String>,
    pub status: Option<String>,
    pub priority: Option<String>,
}

/// Who reads a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    Internal,
    Customer,
}

impl Audience {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Audience::Internal => "internal",
            Audience::Customer => "customer",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Audience::Internal, Audience::Customer].into_iter().find(|audience| audience.as_str() == text)
    }
}

/// A note as the other system holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: String,
    pub audience: Audience,
    pub body: String,
    pub author: Option<String>,
    pub created_ms: u64,
}

/// A note to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNote {
    pub external_ref: String,
    pub audience: Audience,
    pub body: String,
}

/// Calls one function of the connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    Describe,
    GetTicket {
        ticket: String,
    },
    FindByExternalRef {
        external_ref: String,
    },
    CreateTicket(NewTicket),
    UpdateTicket {
        ticket: String,
        patch: TicketPatch,
        expected: Option<String>,
    },
    AddNote {
        ticket: String,
        note: NewNote,
    },
    ListNotes {
        ticket: String,
        since_ms: Option<u64>,
        cursor: Option<String>,
    },
    /// Of the optional interface `ticketing-sync`.
    Changes {
        cursor: Option<Vec<u8>>,
        boards: Vec<String>,
        max: u32,
    },
}

impl Call {
    /// Returns whether the call changes something there.
    pub fn writes(&self) -> bool {
        matches!(self, Call::CreateTicket(_) | Call::UpdateTicket { .. } | Call::AddNote { .. })
    }

    /// Returns the name of the function in the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Call::Describe => "describe",
            Call::GetTicket { .. } => "get-ticket",
            Call::FindByExternalRef { .. } => "find-by-external-ref",
            Call::CreateTicket(_) => "create-ticket",
            Call::UpdateTicket { .. } => "update-ticket",
            Call::AddNote { .. } => "add-note",
            Call::ListNotes { .. } => "list-notes",
            Call::Changes { .. } => "changes",
        }
    }
}

/// What the function returned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    Description(Description),
    Ticket(Ticket),
    Found(Option<Ticket>),
    Noted,
    Notes { notes: Vec<Note>, next: Option<String> },
    Changes(SyncPage),
}

/// One thing that changed there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "most of them are tickets")]
pub enum Change {
    Upserted(Ticket),
    Noted(String),
    Merged { id: String, survivor: String },
    Removed(String),
}

/// A page of what changed there, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncPage {
    pub changes: Vec<Change>,
    /// The connector's own bytes; kept with the effects of `changes`.
    pub cursor: Vec<u8>,
    pub more: bool,
    pub poll_after_ms: Option<u64>,
}

/// Why the other system did not do it; the same cases as `ticketing-types.error` of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Error {
    #[error("the other system asks to wait")]
    RateLimited(Option<u64>),
    #[error("no such ticket there")]
    NotFound,
    #[error("the ticket is gone there")]
    Gone(Option<String>),
    #[error("the ticket was changed there meanwhile")]
    Conflict,
    #[error("the credential is refused: {0}")]
    AuthFailed(String),
    #[error("a right is missing there: {0}")]
    Forbidden(String),
    #[error("refused by content: {}", .0.iter().map(|p| format!("{}: {}", p.field, p.message)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldProblem>),
    #[error("not supported: {0}")]
    Unsupported(String),
    #[error("half done as {0}: {1}")]
    Partial(String, String),
    #[error("the write was sent and its answer never came: {0}")]
    OutcomeUnknown(String),
    #[error("the other system is away")]
    Unavailable(Option<u64>),
    #[error("an answer that its documentation does not promise: {0}")]
    BadResponse(String),
}

/// One field that the other system refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    pub field: String,
    pub message: String,
}
