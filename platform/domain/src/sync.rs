//! Both sides of a ticket kept in step: a three-way merge per field, against what both sides last agreed on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ticket::TicketState;
use crate::ticket::remote::{Ticket, TicketPatch};
use crate::time::UnixMs;

/// What is compared. The order is that of `Values`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    Summary,
    Status,
    Priority,
    Board,
}

/// Every field.
pub const FIELDS: [Field; 4] = [Field::Summary, Field::Status, Field::Priority, Field::Board];

/// Fields that other systems keep too and this version does not compare.
const NOT_COMPARED: &[&str] = &["notes", "time", "assets", "owner", "company", "contact", "category", "custom-fields"];

impl Field {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Summary => "summary",
            Field::Status => "status",
            Field::Priority => "priority",
            Field::Board => "board",
        }
    }
}

/// Who wins where both sides changed a field to different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// The side that changed its ticket last; at the same moment the other system.
    Newest,
    Ours,
    Theirs,
}

impl Authority {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Authority::Newest => "newest",
            Authority::Ours => "ours",
            Authority::Theirs => "theirs",
        }
    }
}

/// Why a text is no authority for a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthority {
    #[error("authority.{0}: not supported by this version; it compares summary, status, priority and board")]
    NotCompared(String),
    #[error("authority.{0}: no such field; there are summary, status, priority and board")]
    NoSuchField(String),
    #[error("authority.{field}: {value:?} is not supported; choose newest, ours or theirs")]
    NoSuchAuthority { field: String, value: String },
}

/// Who decides, by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorities {
    pub summary: Authority,
    pub status: Authority,
    pub priority: Authority,
    pub board: Authority,
}

impl Authorities {
    /// Returns what holds when nobody chose: whoever changed it last.
    pub const fn standard() -> Self {
        let newest = Authority::Newest;
        Self { summary: newest, status: newest, priority: newest, board: newest }
    }

    /// Returns who decides on a field.
    pub fn of(&self, field: Field) -> Authority {
        match field {
            Field::Summary => self.summary,
            Field::Status => self.status,
            Field::Priority => self.priority,
            Field::Board => self.board,
        }
    }

    /// Sets who decides on a field, both by name.
    pub fn set(&mut self, field: &str, value: &str) -> Result<(), BadAuthority> {
        let place = match field {
            "summary" => &mut self.summary,
            "status" => &mut self.status,
            "priority" => &mut self.priority,
            "board" => &mut self.board,
            known if NOT_COMPARED.contains(&known) => return Err(BadAuthority::NotCompared(known.to_owned())),
            other => return Err(BadAuthority::NoSuchField(other.chars().take(60).collect())),
        };
        let all = [Authority::Newest, Authority::Ours, Authority::Theirs];
        let bad = || BadAuthority::NoSuchAuthority { field: field.to_owned(), value: value.chars().take(60).collect() };
        *place = all.into_iter().find(|authority| authority.as_str() == value).ok_or_else(bad)?;
        Ok(())
    }
}

/// The fields of one side. Of the status both sides share only whether it is over: `open` or `over`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values(pub [Option<String>; 4]);

const OPEN: &str = "open";
const OVER: &str = "over";

impl Values {
    /// Returns the fields of our side.
    pub fn ours(summary: &str, state: TicketState, priority: Option<&str>, board: &str) -> Self {
        let status = if state == TicketState::Open { OPEN } else { OVER };
        Self([Some(summary.to_owned()), Some(status.to_owned()), priority.map(str::to_owned), Some(board.to_owned())])
    }

    /// Returns the fields of the other side.
    pub fn theirs(ticket: &Ticket) -> Self {
        let status = if ticket.status_class.is_over() { OVER } else { OPEN };
        Self([
            Some(ticket.summary.clone()),
            Some(status.to_owned()),
            ticket.priority.clone(),
            Some(ticket.board.clone()),
        ])
    }

    /// Returns a field.
    pub fn get(&self, field: Field) -> Option<&str> {
        self.0[field as usize].as_deref()
    }

    /// Returns whether the status says that nobody works on it any more.
    pub fn is_over(&self) -> bool {
        self.get(Field::Status) == Some(OVER)
    }

    fn take(&mut self, field: Field, from: &Values) {
        self.0[field as usize].clone_from(&from.0[field as usize]);
    }
}

/// What both sides held when they last agreed. The two may be written differently and still mean the same: a subject that is
/// cut there, a priority that is a number there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    pub ours: Values,
    pub theirs: Values,
}

/// When somebody changed which field on our side.
pub type Changed = BTreeMap<Field, UnixMs>;

/// Our side as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Ours<'a> {
    pub values: &'a Values,
    /// What is not in it was not changed by a person.
    pub changed: &'a Changed,
}

/// The other side as it is now.
#[derive(Debug, Clone, Copy)]
pub struct Theirs<'a> {
    pub values: &'a Values,
    /// When anything of the ticket changed last there: other systems say no more.
    pub changed: UnixMs,
}

/// A field that both sides had changed, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub field: Field,
    pub ours: Option<String>,
    pub theirs: Option<String>,
    pub authority: Authority,
    /// Ours was kept.
    pub ours_won: bool,
    pub at: UnixMs,
}

/// Decisions that a ticket remembers.
pub const DECISIONS_MAX: usize = 20;

/// What is to be done so that both sides are the same again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// Our side as it is to be.
    pub ours: Values,
    /// What holds as agreed once our side is as said. Fields of `push` keep their old base until they were written there.
    pub agreed: Agreed,
    /// Fields that the other side is to get from ours.
    pub push: Vec<Field>,
    /// Fields that ours got from the other side.
    pub taken: Vec<Field>,
    pub decided: Vec<Decision>,
}

/// Compares both sides with what they last agreed on, and settles every field. A field that only one side changed goes to the
/// other; where both changed it to different values, the authority decides. Merging again what was merged changes nothing.
pub fn merge(agreed: &Agreed, ours: Ours<'_>, theirs: Theirs<'_>, authorities: &Authorities, now: UnixMs) -> Merge {
    let mut merged = Merge {
        ours: ours.values.clone(),
        agreed: agreed.clone(),
        push: Vec::new(),
        taken: Vec::new(),
        decided: Vec::new(),
    };
    for field in FIELDS {
        let (our, their) = (ours.values.get(field), theirs.values.get(field));
        let ours_changed = our != agreed.ours.get(field);
        let theirs_changed = their != agreed.theirs.get(field);
        if !ours_changed && !theirs_changed {
            continue;
        }
        // Nothing can be cleared there: no value of ours says nothing about theirs.
        let ours_wins = match (ours_changed && our.is_some(), theirs_changed) {
            _ if same(field, our, their) => {
                merged.agreed.ours.take(field, ours.values);
                merged.agreed.theirs.take(field, theirs.values);
                continue;
            }
            (wins, false) => wins,
            (false, true) => false,
            (true, true) => {
                let authority = authorities.of(field);
                let ours_won = match authority {
                    Authority::Ours => true,
                    Authority::Theirs => false,
                    Authority::Newest => ours.changed.get(&field).is_some_and(|changed| *changed > theirs.changed),
                };
                let (ours, theirs) = (our.map(str::to_owned), their.map(str::to_owned));
                merged.decided.push(Decision { field, ours, theirs, authority, ours_won, at: now });
                ours_won
            }
        };
        if ours_wins {
            merged.push.push(field);
            // Theirs is known now: the next look must not take it for a second change.
            merged.agreed.theirs.take(field, theirs.values);
        } else {
            merged.taken.push(field);
            merged.ours.take(field, theirs.values);
            merged.agreed.ours.take(field, theirs.values);
            merged.agreed.theirs.take(field, theirs.values);
        }
    }
    merged
}

/// Makes the agreement of a ticket that was just made or found there: `sent` is what the other system got, as far as it is
/// known. What it made of it is taken as agreed; a ticket that is over already was closed by somebody.
pub fn first_agreement(sent: &Values, theirs: &Values) -> Agreed {
    let mut agreed = Agreed { ours: sent.clone(), theirs: theirs.clone() };
    agreed.theirs.take(Field::Status, sent);
    agreed
}

/// Takes into the agreement that both sides are over.
pub fn both_over(agreed: &mut Agreed) {
    for side in [&mut agreed.ours, &mut agreed.theirs] {
        side.0[Field::Status as usize] = Some(OVER.to_owned());
    }
}

/// Takes into the agreement what was written there: these fields of ours, as they came back.
pub fn pushed(agreed: &mut Agreed, fields: &[Field], ours: &Values, theirs: &Values) {
    for field in fields {
        agreed.ours.take(*field, ours);
        agreed.theirs.take(*field, theirs);
    }
}

/// Returns whether our side holds something that the other side is to get.
pub fn has_unsent(agreed: &Agreed, ours: &Values) -> bool {
    FIELDS.into_iter().any(|field| ours.get(field).is_some() && ours.get(field) != agreed.ours.get(field))
}

/// Makes the change that brings fields of ours there. `over` and `open` are the statuses that close and reopen a ticket there.
pub fn patch(fields: &[Field], ours: &Values, over: &str, open: &str) -> TicketPatch {
    let value = |field: Field| fields.contains(&field).then(|| ours.get(field).map(str::to_owned)).flatten();
    TicketPatch {
        summary: value(Field::Summary),
        board: value(Field::Board),
        priority: value(Field::Priority),
        status: value(Field::Status).map(|status| if status == OVER { over } else { open }.to_owned()),
    }
}

/// Returns whether two ways of writing a value mean the same.
fn same(field: Field, ours: Option<&str>, theirs: Option<&str>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return ours == theirs };
    match field {
        Field::Board => ours.eq_ignore_ascii_case(theirs),
        Field::Priority => {
            let number = |text: &str| text.trim().parse::<i64>().ok();
            ours == theirs || (number(ours).is_some() && number(ours) == number(theirs))
        }
        Field::Summary => ours.trim() == theirs.trim(),
        Field::Status => ours == theirs,
    }
}

#[cfg(test)]
mod tests;
