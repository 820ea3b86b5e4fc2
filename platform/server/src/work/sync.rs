//! Looks at what changed behind a connection, and keeps our tickets in step.
//!
//! The connector's cursor is stored in the transaction of the changes that it stands for: a page whose effects were lost is
//! read again. What takes further questions, such as notes, is asked for there and done by the delivery of that ticket.

use fitment_domain::id::{ConnectionId, TenantId};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::remote::{Answer, Call, Change, Error, SyncPage, Ticket};
use fitment_domain::time::UnixMs;
use fitment_store::{Connection, ConnectionSync, StoreError, TicketRow, Tx};

use super::{JobError, Next};
use crate::app::App;
use crate::connector::{self, ConnectorError, Opened};
use crate::in_step;

/// Changes of one page, as far as the connector heeds it.
const CHANGES_MAX: u32 = 100;
/// Pages that are read before others have their turn.
const PAGES_MAX: usize = 50;
/// What a connector may ask the host to keep for it.
const CURSOR_BYTES_MAX: usize = 64 * 1024;
/// No other system makes the host wait longer.
const WAIT_MS_MAX: u64 = 3_600_000;

/// Asks for a look behind every connection: at the start of a server, whatever happened to its jobs before.
pub async fn ask_all(app: &App) -> Result<(), JobError> {
    let tenants = app.store.read(Scope::Platform).await?.tenants().await?;
    for tenant in tenants {
        let mut tx = app.store.begin(Scope::Tenant(tenant)).await?;
        for connection in tx.connections().await? {
            in_step::ask_sync(&mut tx, &connection.id, app.now()).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Reads all that changed since the last look.
pub async fn run(app: &App, tenant: &TenantId, id: &ConnectionId) -> Result<Next, JobError> {
    let mut tx = app.store.read(Scope::Tenant(tenant.clone())).await?;
    let Some(connection) = tx.connection(id).await? else { return Ok(Next::Done) };
    let interval_s = tx.connection_sync(id).await?.map_or(ConnectionSync::standard().interval_s, |s| s.interval_s);
    drop(tx);
    let outcome = look(app, tenant, &connection).await;
    note_outcome(app, tenant, &connection, &outcome).await?;
    let later = |ms: u64| Next::At(app.now().plus_ms(ms));
    match outcome {
        Ok(Looked::Whole(poll_after_ms)) => {
            let interval_ms = u64::try_from(interval_s).unwrap_or(60) * 1_000;
            Ok(later(poll_after_ms.map_or(interval_ms, |ms| ms.clamp(interval_ms, WAIT_MS_MAX.max(interval_ms)))))
        }
        Ok(Looked::InPart) => Ok(later(0)),
        Err(JobError::Connector(ConnectorError::Remote { error: Error::Unsupported(_), .. })) => Ok(Next::Done),
        Err(JobError::Connector(ConnectorError::Remote {
            error: Error::RateLimited(Some(ms)) | Error::Unavailable(Some(ms)),
            ..
        })) => Ok(later(ms.min(WAIT_MS_MAX))),
        Err(error) => Err(error),
    }
}

/// How a look ended.
enum Looked {
    /// Nothing more is there; the connector may say when it is worth looking again, in milliseconds.
    Whole(Option<u64>),
    InPart,
}

async fn look(app: &App, tenant: &TenantId, connection: &Connection) -> Result<Looked, JobError> {
    let opened = connector::open(app, tenant, connection).await?;
    for _ in 0..PAGES_MAX {
        let mut tx = app.store.read(Scope::Tenant(tenant.clone())).await?;
        let cursor = tx.connection_sync(&connection.id).await?.and_then(|sync| sync.cursor);
        drop(tx);
        let page = page(app, &opened, cursor).await?;
        let (more, poll_after_ms) = (page.more, page.poll_after_ms);
        keep(app, tenant, connection, page).await?;
        if !more {
            return Ok(Looked::Whole(poll_after_ms));
        }
    }
    Ok(Looked::InPart)
}

async fn page(app: &App, opened: &Opened, cursor: Option<Vec<u8>>) -> Result<SyncPage, JobError> {
    let again = cursor.is_some();
    let changes = |cursor| Call::Changes { cursor, boards: Vec::new(), max: CHANGES_MAX };
    let answer = match connector::call(app, opened, changes(cursor)).await {
        // A cursor that the connector's next version does not read: it begins anew.
        Err(ConnectorError::Remote { error: Error::Invalid(problems), .. })
            if again && problems.iter().any(|problem| problem.field == "cursor") =>
        {
            connector::call(app, opened, changes(None)).await?
        }
        other => other?,
    };
    match answer {
        Answer::Changes(page) if page.cursor.len() <= CURSOR_BYTES_MAX => Ok(page),
        _ => Err(ConnectorError::WrongAnswer("changes").into()),
    }
}

/// Keeps a page: its effects, what they cause, and the cursor after it, in one transaction.
async fn keep(app: &App, tenant: &TenantId, connection: &Connection, page: SyncPage) -> Result<(), JobError> {
    let now = app.now();
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    let count = page.changes.len();
    for change in page.changes {
        take(&mut tx, connection, change, now).await?;
    }
    let mut sync = tx.connection_sync(&connection.id).await?.unwrap_or_else(ConnectionSync::standard);
    let progressed = sync.cursor.as_deref() != Some(page.cursor.as_slice());
    if progressed || count > 0 {
        sync.cursor = Some(page.cursor);
        sync.changes += i64::try_from(count).unwrap_or(0);
        tx.put_connection_sync(&connection.id, &sync).await?;
    }
    tx.commit().await?;
    app.wake.notify_one();
    Ok(())
}

async fn take(tx: &mut Tx, connection: &Connection, change: Change, now: UnixMs) -> Result<(), JobError> {
    let id = match &change {
        Change::Upserted(there) => &there.id,
        Change::Noted(id) | Change::Removed(id) | Change::Merged { id, .. } => id,
    };
    for mut ticket in tx.tickets_by_external_id(&connection.id, id).await? {
        match &change {
            Change::Upserted(there) => upserted(tx, connection, &mut ticket, there, now).await?,
            Change::Noted(_) => {
                let mut sync = tx.ticket_sync(&ticket.id).await?;
                sync.notes_asked += 1;
                tx.put_ticket_sync(&ticket.id, &sync).await?;
                in_step::ask_delivery(tx, &connection.id, &ticket.id, now).await?;
            }
            Change::Merged { survivor, .. } => {
                in_step::relink(tx, &connection.id, &mut ticket, survivor, now).await?;
            }
            // A former id says nothing about the ticket that it became.
            Change::Removed(id) if ticket.delivery.external_id.as_ref() == Some(id) => {
                in_step::remove(tx, &ticket, now).await?;
            }
            Change::Removed(_) => {}
        }
    }
    Ok(())
}

async fn upserted(
    tx: &mut Tx,
    connection: &Connection,
    ticket: &mut TicketRow,
    there: &Ticket,
    now: UnixMs,
) -> Result<(), JobError> {
    if ticket.delivery.external_id.as_ref() != Some(&there.id) {
        // It answers under a former id of ours.
        return Ok(());
    }
    let was_gone = tx.ticket_sync(&ticket.id).await?.gone;
    let push = in_step::take(tx, connection, ticket, there, now).await?;
    // Of a ticket that is there again, notes may have waited too.
    if !push.is_empty() || (was_gone && !there.deleted) {
        in_step::ask_delivery(tx, &connection.id, &ticket.id, now).await?;
    }
    Ok(())
}

/// Says on the connection how the look ended.
async fn note_outcome(
    app: &App,
    tenant: &TenantId,
    connection: &Connection,
    outcome: &Result<Looked, JobError>,
) -> Result<(), StoreError> {
    let error = outcome.as_ref().err();
    let unsupported =
        matches!(error, Some(JobError::Connector(ConnectorError::Remote { error: Error::Unsupported(_), .. })));
    let state = match error {
        None => "ok",
        Some(_) if unsupported => "not-supported",
        Some(_) => "failing",
    };
    let problem = error.map(super::deliver::words);
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    let mut sync = tx.connection_sync(&connection.id).await?.unwrap_or_else(ConnectionSync::standard);
    (sync.state, sync.problem) = (state.to_owned(), problem.clone());
    if error.is_none() {
        sync.looked = Some(app.now());
    }
    tx.put_connection_sync(&connection.id, &sync).await?;
    let state = error.filter(|_| !unsupported).map_or("ok", super::deliver::connection_state);
    let trouble = problem.filter(|_| state != "ok");
    if connection.state != state || connection.problem != trouble {
        tx.set_connection_state(&connection.id, state, trouble.as_deref(), None).await?;
    }
    tx.commit().await
}
