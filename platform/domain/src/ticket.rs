//! Our own tickets, and the ledger that carries each of them into somebody else's system exactly once.

pub mod remote;

use serde::{Deserialize, Serialize};

use crate::id::{NoteId, TicketId};
use crate::time::UnixMs;

/// Where a ticket of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketState {
    Open,
    Closed,
}

impl TicketState {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            TicketState::Open => "open",
            TicketState::Closed => "closed",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [TicketState::Open, TicketState::Closed].into_iter().find(|s| s.as_str() == text)
    }
}

/// Who made a ticket: a monitor.
pub const SOURCE_AUTOMATIC: &str = "automatic";
/// Who made a ticket: a technician, by hand.
pub const SOURCE_TECHNICIAN: &str = "technician";

/// Returns the reference under which a ticket of ours is found in the other system; stable over retries.
pub fn external_reference(ticket: &TicketId) -> String {
    format!("fitment:{ticket}")
}

/// Returns the reference of a note that somebody wrote on our side; it stands in the note's last line in the other system.
pub fn note_reference(ticket: &TicketId, note: &NoteId) -> String {
    format!("{}:note:{note}", external_reference(ticket))
}

/// What a note of the other system is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Somebody wrote it there.
    There,
    /// This note of ours.
    Ours(NoteId),
    /// We wrote it, and it is no note of ours: the description, or what the host has to say.
    Echo,
}

/// Says what a note of the other system is to us. A reference that somebody quotes in the midst of a note makes it no echo,
/// and neither does one that was written under another account.
pub fn origin_of(note: &remote::Note, ticket: &TicketId, description: &str, our_account: Option<&str>) -> Origin {
    let foreign = our_account.is_some() && note.author.is_some() && note.author.as_deref() != our_account;
    if foreign {
        return Origin::There;
    }
    let reference = external_reference(ticket);
    let last = note.body.trim_end().lines().next_back().unwrap_or_default().trim();
    if let Some(rest) = last.strip_prefix(&reference) {
        let id = rest.strip_prefix(":note:").and_then(|id| NoteId::parse(id).ok());
        return id.map_or(Origin::Echo, Origin::Ours);
    }
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if words(&note.body) == words(description) { Origin::Echo } else { Origin::There }
}

/// What the ledger knows about the way of one ticket into the other system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// A create was sent at this time, and its answer is not in the ledger: it may or may not have happened.
    pub create_started: Option<UnixMs>,
    /// The ticket's id there.
    pub external_id: Option<String>,
    /// Our condition cleared: the other side is to be closed, if nobody touched it.
    pub close_wanted: bool,
    /// The wish to close was carried out or declined.
    pub close_settled: bool,
    /// The condition is back after it had cleared: whoever has the ticket there is to hear of it.
    pub returned: bool,
}

/// What the delivery job does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Write `create_started` into the ledger, then create.
    Create,
    /// A create may be under way: wait until nothing can come of it any more.
    WaitUntil(UnixMs),
    /// Look by external reference; adopt what is found, create otherwise.
    LookThenCreate,
    /// Close there, unless somebody touched it.
    CloseIfUntouched,
    /// Tell the ticket that the condition is back; if it is over there, a new ticket takes its place.
    TellReturned,
    Done,
}

/// Returns the next step. `request_ms_max` is the longest that a create can stay under way.
pub fn next_step(delivery: &Delivery, now: UnixMs, request_ms_max: u64) -> Step {
    match (&delivery.external_id, delivery.create_started) {
        (None, None) if delivery.close_wanted => Step::Done,
        (None, None) => Step::Create,
        (None, Some(started)) => {
            let until = started.plus_ms(request_ms_max);
            if now < until { Step::WaitUntil(until) } else { Step::LookThenCreate }
        }
        (Some(_), _) if delivery.close_wanted && !delivery.close_settled => Step::CloseIfUntouched,
        (Some(_), _) if delivery.returned && !delivery.close_wanted => Step::TellReturned,
        (Some(_), _) => Step::Done,
    }
}

/// Returns the reference of the note that says: the condition cleared, and the ticket was left to whoever works on it.
pub fn left_open_reference(ticket: &TicketId) -> String {
    format!("{}:cleared:", external_reference(ticket))
}

/// Returns who or what touched a ticket since we made it; none if nobody did. A ticket that was left to somebody once is
/// theirs: our own note about that hides who was there before.
pub fn touched_by(
    ours: &TicketId,
    ticket: &remote::Ticket,
    notes: &[remote::Note],
    our_account: Option<&str>,
    status_at_creation: &str,
) -> Option<String> {
    let foreign = |author: Option<&str>| author.is_some() && author != our_account;
    let left_open = left_open_reference(ours);
    if notes.iter().any(|note| note.body.contains(&left_open)) {
        return Some("somebody worked on it before".to_owned());
    }
    if let Some(note) = notes.iter().find(|n| foreign(n.author.as_deref())) {
        return Some(format!("{} wrote a note", note.author.as_deref().unwrap_or("somebody")));
    }
    if ticket.status != status_at_creation {
        return Some(format!("its status is {:?} now", ticket.status));
    }
    if foreign(ticket.updated_by.as_deref()) {
        return Some(format!("{} changed it", ticket.updated_by.as_deref().unwrap_or("somebody")));
    }
    None
}

/// Returns how long a failed delivery waits before it is tried again: doubling from 1 s to 5 minutes.
pub fn retry_delay_ms(attempts: u32) -> u64 {
    1_000 * (1_u64 << attempts.min(9)).min(300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_an_echo_only_if_we_wrote_it() {
        let (ticket, id) = (TicketId::from_random([1; 16]), NoteId::from_random([2; 16]));
        let reference = note_reference(&ticket, &id);
        let origin = |body: String, author: &str| {
            let note = remote::Note {
                id: "7".to_owned(),
                audience: remote::Audience::Internal,
                body,
                author: Some(author.to_owned()),
                created_ms: 0,
            };
            origin_of(&note, &ticket, "The disk\nis full", Some("fitment"))
        };
        assert_eq!(origin(format!("On my way.\n\n{reference}\n"), "fitment"), Origin::Ours(id));
        assert_eq!(origin(format!("Cleared.\n\n{}7", left_open_reference(&ticket)), "fitment"), Origin::Echo);
        assert_eq!(origin("The disk\r\nis full\n".to_owned(), "fitment"), Origin::Echo);
        assert_eq!(origin(format!("You wrote\n{reference}"), "technician"), Origin::There);
        assert_eq!(origin(format!("{reference}\nis what?"), "fitment"), Origin::There);
        assert_eq!(origin("By hand, as this account.".to_owned(), "fitment"), Origin::There);
    }

    #[test]
    fn a_create_that_may_have_happened_is_looked_for_before_it_is_repeated() {
        let started = Delivery { create_started: Some(UnixMs(1_000)), ..Delivery::default() };
        assert_eq!(next_step(&Delivery::default(), UnixMs(0), 500), Step::Create);
        assert_eq!(next_step(&started, UnixMs(1_200), 500), Step::WaitUntil(UnixMs(1_500)));
        assert_eq!(next_step(&started, UnixMs(1_500), 500), Step::LookThenCreate);
        let there = Delivery { external_id: Some("7".to_owned()), ..started };
        assert_eq!(next_step(&there, UnixMs(9_000), 500), Step::Done);
        let cleared = Delivery { close_wanted: true, ..there.clone() };
        assert_eq!(next_step(&cleared, UnixMs(9_000), 500), Step::CloseIfUntouched);
        let back = Delivery { returned: true, ..there };
        assert_eq!(next_step(&back, UnixMs(9_000), 500), Step::TellReturned);
    }
}
