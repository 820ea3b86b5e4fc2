//! Who is there: accounts, tenants, clients and locations, and the scope in which anybody acts.

mod access;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ClientId, LocationId, PublisherId, TenantId};

pub use access::{Access, Action, BadRole, Clients, Role, check_role, keeps_an_owner, may, roles_that_may};

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountKind {
    /// Writes accessories.
    Publisher,
    /// Manages devices: a managed service provider.
    Msp,
    /// Runs the marketplace: reviews and countersigns.
    Operator,
}

impl AccountKind {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountKind::Publisher => "publisher",
            AccountKind::Msp => "msp",
            AccountKind::Operator => "operator",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [AccountKind::Publisher, AccountKind::Msp, AccountKind::Operator].into_iter().find(|k| k.as_str() == text)
    }
}

/// In whose name a store function works. There is no default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The platform itself: background work, review, sign-in.
    Platform,
    /// One publisher's own releases.
    Publisher(PublisherId),
    /// One MSP's data.
    Tenant(TenantId),
    /// The part of one MSP's data that hangs on the clients which this account is there for.
    Part { tenant: TenantId, account: AccountId },
}

/// A client of an MSP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    pub id: ClientId,
    pub name: String,
}

/// A place of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub id: LocationId,
    pub client: ClientId,
    pub name: String,
}

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("{field} must have 1 to {max} characters, got {got}")]
    Length { field: &'static str, max: usize, got: usize },
    #[error("{field} must not hold control characters")]
    ControlCharacter { field: &'static str },
    #[error("{field} {got:?} must be 2 to 40 characters of a-z, 0-9 and single hyphens, starting with a letter")]
    NotAnIdentifier { field: &'static str, got: String },
    #[error("email {0:?} is not an address like name@example.com")]
    NotAnAddress(String),
    #[error("password must have 12 to 256 characters, got {0}")]
    Password(usize),
}

/// Checks a name that people choose and read.
pub fn check_display_name(field: &'static str, name: &str) -> Result<(), BadName> {
    const MAX: usize = 120;
    let got = name.chars().count();
    if got == 0 || got > MAX || name.trim() != name {
        return Err(BadName::Length { field, max: MAX, got });
    }
    if name.chars().any(char::is_control) {
        return Err(BadName::ControlCharacter { field });
    }
    Ok(())
}

/// Checks a name that becomes part of an address: publishers and accessories.
pub fn check_identifier(field: &'static str, name: &str) -> Result<(), BadName> {
    let ok = (2..=40).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if ok { Ok(()) } else { Err(BadName::NotAnIdentifier { field, got: name.chars().take(60).collect() }) }
}

/// Checks an e-mail address as far as that is worth doing.
pub fn check_email(email: &str) -> Result<(), BadName> {
    let bad = || BadName::NotAnAddress(email.chars().take(60).collect());
    let (name, host) = email.split_once('@').ok_or_else(bad)?;
    let ok = !name.is_empty()
        && host.contains('.')
        && !host.starts_with('.')
        && email.len() <= 254
        && email.chars().all(|c| !c.is_whitespace() && !c.is_control())
        && !host.contains('@');
    if ok { Ok(()) } else { Err(bad()) }
}

/// Checks the length of a password; anything else about it is its owner's business.
pub fn check_password(password: &str) -> Result<(), BadName> {
    let chars = password.chars().count();
    if (12..=256).contains(&chars) { Ok(()) } else { Err(BadName::Password(chars)) }
}
