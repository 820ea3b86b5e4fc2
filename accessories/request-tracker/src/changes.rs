//! What changed since the last look, by Request Tracker's own record of changes.
//!
//! Every change is a transaction with a number that only grows, also a merge and a deletion, which take a ticket out of all
//! lists. A number is given before its change is visible, though, so entries of the last moments are read again.

use std::collections::BTreeSet;

use fitment_sdk::ticketing::{Change, Error, SyncPage, Ticket};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::wire::{Entry, Page};
use crate::{tickets, time};

/// Request Tracker gives no longer pages.
const PAGE_MAX: u32 = 100;
/// Tickets that are in no list cost a request each, and a run may make 20.
const LOOKED_FOR_MAX: usize = 12;
/// An entry may become visible so much later than one with a higher number.
const OVERLAP_MS: u64 = 30_000;
/// Entries that are read again at most, so that new ones always have room on the page.
const AGAIN_MAX: usize = 50;

/// Where the last look ended.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cursor {
    /// Entries up to this one are done.
    done: u64,
    /// Later ones that are done too.
    seen: BTreeSet<u64>,
    /// The first look goes on after this ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listed: Option<u64>,
}

pub(crate) fn changes(client: &Client, cursor: Option<&[u8]>, boards: &[String], max: u32) -> Result<SyncPage, Error> {
    let max = max.clamp(1, PAGE_MAX);
    let cursor = match cursor {
        Some(bytes) => serde_json::from_slice(bytes)
            .map_err(|_| Error::invalid_field("cursor", "these bytes are no cursor of this connector"))?,
        // What changes from here on is read afterwards: nothing falls between the list and the record.
        None => Cursor { done: newest_entry(client)?, listed: Some(0), ..Cursor::default() },
    };
    let (mut changes, cursor, more) = match cursor.listed {
        Some(after) => first_look(client, cursor, after, max)?,
        None => next_look(client, cursor)?,
    };
    changes.retain(|change| match change {
        Change::Upserted(ticket) => {
            boards.is_empty() || boards.contains(&ticket.board) || ticket.external_ref.is_some()
        }
        _ => true,
    });
    let cursor = serde_json::to_vec(&cursor).map_err(|error| Error::BadResponse(error.to_string()))?;
    Ok(SyncPage { changes, cursor, more, poll_after_ms: None })
}

type Look = (Vec<Change>, Cursor, bool);

/// Lists all tickets that carry a reference, by number.
fn first_look(client: &Client, cursor: Cursor, after: u64, max: u32) -> Result<Look, Error> {
    let field = &client.config.external_reference_field;
    let found = tickets::list(client, &format!("id > {after} AND CF.{{{field}}} IS NOT NULL"), max)?;
    let more = found.len() == max as usize;
    let listed = found.last().map(|last| number(&last.id)).transpose()?.filter(|_| more);
    let changes = found.into_iter().flat_map(|ticket| [Change::Noted(ticket.id.clone()), Change::Upserted(ticket)]);
    // The next look is due at once in either case: something may have changed while this one went on.
    Ok((changes.collect(), Cursor { listed, ..cursor }, true))
}

/// Reads the record from where the last look ended: always a whole page, because a part of it was seen before.
fn next_look(client: &Client, mut cursor: Cursor) -> Result<Look, Error> {
    let page = entries(client, &format!(" AND id > {}", cursor.done), "ASC", PAGE_MAX)?;
    let full = page.items.len() == PAGE_MAX as usize;
    let mut entries = Vec::new();
    for entry in page.items {
        entries.push(Seen::of(&entry)?);
    }
    let new = entries.iter().filter(|entry| !cursor.seen.contains(&entry.id));
    let touched: BTreeSet<u64> = new.clone().map(|entry| entry.ticket).collect();
    let noted: BTreeSet<u64> = new.filter(|entry| entry.has_note).map(|entry| entry.ticket).collect();
    let listed = if touched.is_empty() { Vec::new() } else { tickets::list(client, &any_of(&touched), PAGE_MAX)? };
    let mut missing = touched;
    for ticket in &listed {
        missing.remove(&number(&ticket.id)?);
    }
    let mut changes = Vec::new();
    let later: BTreeSet<u64> = missing.iter().skip(LOOKED_FOR_MAX).copied().collect();
    for id in missing.iter().take(LOOKED_FOR_MAX) {
        look_for(client, *id, &mut changes)?;
    }
    changes.extend(listed.into_iter().map(Change::Upserted));
    changes.extend(noted.iter().filter(|id| !missing.contains(id)).map(|id| Change::Noted(id.to_string())));
    // What was not looked for yet stays for the next page.
    let done = entries.into_iter().filter(|entry| !later.contains(&entry.ticket)).collect();
    cursor.advance(done, later.is_empty());
    Ok((changes, cursor, full || !later.is_empty()))
}

/// A ticket that is in no list is deleted, or another one now.
fn look_for(client: &Client, id: u64, changes: &mut Vec<Change>) -> Result<(), Error> {
    let id = id.to_string();
    let there: Ticket = match tickets::get(client, &id) {
        Ok(there) if !there.deleted => there,
        Ok(_) | Err(Error::NotFound) => {
            changes.push(Change::Removed(id));
            return Ok(());
        }
        // Rights were taken away: nobody can say what became of it.
        Err(Error::Forbidden(_)) => return Ok(()),
        Err(other) => return Err(other),
    };
    if there.id != id {
        changes.push(Change::Merged((id, there.id.clone())));
        changes.push(Change::Noted(there.id.clone()));
    }
    changes.push(Change::Upserted(there));
    Ok(())
}

struct Seen {
    id: u64,
    ticket: u64,
    created: u64,
    has_note: bool,
}

impl Seen {
    fn of(entry: &Entry) -> Result<Self, Error> {
        Ok(Self {
            id: number(&entry.id.0)?,
            ticket: number(&entry.object_id.0)?,
            created: time::parse(&entry.created.0)
                .ok_or_else(|| Error::BadResponse(format!("{:?} is no time", entry.created.0)))?,
            has_note: matches!(entry.kind.0.as_str(), "Create" | "Comment" | "Correspond"),
        })
    }
}

impl Cursor {
    /// Takes entries as done. Those of the last moments stay in view: an earlier one may yet appear among them.
    fn advance(&mut self, entries: Vec<Seen>, all: bool) {
        let newest = entries.iter().map(|entry| entry.created).max().unwrap_or(0);
        let settled = entries.iter().filter(|entry| entry.created + OVERLAP_MS < newest).map(|entry| entry.id);
        let settled = settled.max().filter(|_| all).unwrap_or(self.done);
        self.seen.extend(entries.iter().map(|entry| entry.id));
        if all {
            while self.seen.len() > AGAIN_MAX
                && let Some(first) = self.seen.pop_first()
            {
                self.done = first;
            }
        }
        self.done = self.done.max(settled);
        self.seen = self.seen.split_off(&(self.done + 1));
    }
}

/// Mail that Request Tracker sent needs a right of its own to be seen, and changes no ticket.
fn entries(client: &Client, query: &str, order: &str, max: u32) -> Result<Page<Entry>, Error> {
    let query =
        ["ObjectType = 'RT::Ticket' AND Type != 'EmailRecord' AND Type != 'CommentEmailRecord'", query].concat();
    let request = client.get("/transactions").query("query", &query).query("fields", "Type,ObjectId,Created");
    client.read(request.query("orderby", "id").query("order", order).query("per_page", &max.to_string()))
}

fn newest_entry(client: &Client) -> Result<u64, Error> {
    let newest = entries(client, "", "DESC", 1)?;
    newest.items.first().map_or(Ok(0), |entry| number(&entry.id.0))
}

fn any_of(tickets: &BTreeSet<u64>) -> String {
    tickets.iter().map(|id| format!("id = {id}")).collect::<Vec<_>>().join(" OR ")
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| Error::BadResponse(format!("{text:?} is no number of Request Tracker's")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, second: u64) -> Seen {
        Seen { id, ticket: 1, created: second * 1_000, has_note: false }
    }

    #[test]
    fn what_is_old_enough_is_done_and_the_rest_is_read_again() {
        let mut cursor = Cursor { done: 5, ..Cursor::default() };
        cursor.advance(vec![entry(6, 0), entry(8, 40), entry(9, 41)], true);
        assert_eq!((cursor.done, cursor.seen.iter().copied().collect::<Vec<_>>()), (6, vec![8, 9]));
        // 7 became visible late: it is not among what was seen.
        assert!(!cursor.seen.contains(&7));
        cursor.advance(Vec::new(), true);
        assert_eq!(cursor.done, 6, "an idle look moves nothing");
    }

    #[test]
    fn a_cursor_stays_small_and_new_entries_always_have_room() {
        let mut cursor = Cursor::default();
        cursor.advance((1..=100).map(|id| entry(id, 0)).collect(), true);
        assert_eq!((cursor.done, cursor.seen.len()), (50, AGAIN_MAX));
    }

    #[test]
    fn what_was_put_off_is_read_again() {
        let mut cursor = Cursor::default();
        cursor.advance(vec![entry(2, 0), entry(3, 90)], false);
        assert_eq!((cursor.done, cursor.seen.len()), (0, 2), "entry 1 was put off");
    }
}
