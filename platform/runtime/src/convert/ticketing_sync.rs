//! What changed in other systems.

use fitment_domain::ticket::remote;

use crate::contract::connector_sync::exports::fitment::accessory::ticketing_sync as wit;

impl From<wit::SyncPage> for remote::SyncPage {
    fn from(page: wit::SyncPage) -> Self {
        Self {
            changes: page.changes.into_iter().map(Into::into).collect(),
            cursor: page.cursor,
            more: page.more,
            poll_after_ms: page.poll_after_ms,
        }
    }
}

impl From<wit::Change> for remote::Change {
    fn from(change: wit::Change) -> Self {
        match change {
            wit::Change::Upserted(ticket) => Self::Upserted(ticket.into()),
            wit::Change::Noted(id) => Self::Noted(id),
            wit::Change::Merged((id, survivor)) => Self::Merged { id, survivor },
            wit::Change::Removed(id) => Self::Removed(id),
        }
    }
}
