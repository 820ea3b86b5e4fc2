//! Keeping tickets in step with another system: how a connection is to do it, and where each ticket stands.

use fitment_domain::id::{ConnectionId, TicketId};
use fitment_domain::sync::{Agreed, Authorities, Changed, Decision};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::{Row, storable, to_json};
use crate::{Result, Tx};

/// How a connection keeps tickets in step, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionSync {
    pub authorities: Authorities,
    /// Seconds between two looks.
    pub interval_s: i64,
    /// The status that reopens a ticket there.
    pub open_status: String,
    /// `new`, `ok`, `failing` or `not-supported`.
    pub state: String,
    pub problem: Option<String>,
    /// The connector's own bytes; none before the first look.
    pub cursor: Option<Vec<u8>>,
    /// When the last look ended well.
    pub looked: Option<UnixMs>,
    /// Changes that were read so far.
    pub changes: i64,
}

impl ConnectionSync {
    /// Returns what holds when nobody chose: a look a minute, whoever changed a field last wins.
    pub fn standard() -> Self {
        Self {
            authorities: Authorities::standard(),
            interval_s: 60,
            open_status: "open".to_owned(),
            state: "new".to_owned(),
            problem: None,
            cursor: None,
            looked: None,
            changes: 0,
        }
    }
}

/// Where a ticket stands between both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketSync {
    /// It was deleted there.
    pub gone: bool,
    pub agreed: Option<Agreed>,
    /// Its status there, in their words.
    pub status: Option<String>,
    /// What that means, in the contract's words.
    pub status_class: Option<String>,
    /// What people changed here, and when.
    pub changed: Changed,
    /// Who touched it, on either side.
    pub touched_by: Option<String>,
    /// How often new notes were told of there, and how many of that were followed up.
    pub notes_asked: i64,
    pub notes_read: i64,
    /// The newest note that was read.
    pub notes_since: Option<UnixMs>,
    /// The last fields that both sides had changed.
    pub decided: Vec<Decision>,
}

impl Tx {
    /// Returns how a connection keeps tickets in step; none if nobody ever said or looked.
    pub async fn connection_sync(&mut self, connection: &ConnectionId) -> Result<Option<ConnectionSync>> {
        let tenant = self.tenant()?;
        let sql = "select connection_id, authorities, interval_s, open_status, state, problem, cursor, looked, changes \
                   from connection_sync where tenant_id = $1 and connection_id = $2";
        let Some(found) = self.row(query(sql).bind(tenant.as_str()).bind(connection.as_str())).await? else {
            return Ok(None);
        };
        let row = Row::of("connection_sync", &found);
        Ok(Some(ConnectionSync {
            authorities: row.json("authorities")?,
            interval_s: row.int("interval_s")?,
            open_status: row.text("open_status")?,
            state: row.text("state")?,
            problem: row.text_opt("problem")?,
            cursor: row.bytes_opt("cursor")?,
            looked: row.time_opt("looked")?,
            changes: row.int("changes")?,
        }))
    }

    /// Keeps how a connection keeps tickets in step.
    pub async fn put_connection_sync(&mut self, connection: &ConnectionId, sync: &ConnectionSync) -> Result<()> {
        let (tenant, authorities) = (self.tenant()?, to_json(&sync.authorities)?);
        let sql = "insert into connection_sync (tenant_id, connection_id, authorities, interval_s, open_status, state, problem, \
                   cursor, looked, changes) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
                   on conflict (tenant_id, connection_id) do update set authorities = excluded.authorities, \
                   interval_s = excluded.interval_s, open_status = excluded.open_status, state = excluded.state, \
                   problem = excluded.problem, cursor = excluded.cursor, looked = excluded.looked, changes = excluded.changes";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(connection.as_str())
            .bind(authorities)
            .bind(sync.interval_s)
            .bind(&sync.open_status)
            .bind(&sync.state)
            .bind(sync.problem.as_deref().map(storable))
            .bind(sync.cursor.as_deref())
            .bind(sync.looked.map(|at| at.0))
            .bind(sync.changes);
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns where a ticket stands between both sides; what was never exchanged stands at the beginning.
    pub async fn ticket_sync(&mut self, ticket: &TicketId) -> Result<TicketSync> {
        let tenant = self.tenant()?;
        let sql = "select ticket_id, gone, agreed, status, status_class, changed, touched_by, notes_asked, notes_read, \
                   notes_since, decided from ticket_sync where tenant_id = $1 and ticket_id = $2";
        let Some(found) = self.row(query(sql).bind(tenant.as_str()).bind(ticket.as_str())).await? else {
            return Ok(TicketSync::default());
        };
        let row = Row::of("ticket_sync", &found);
        let agreed = row.text_opt("agreed")?.map(|text| serde_json::from_str(&text));
        Ok(TicketSync {
            gone: row.flag("gone")?,
            agreed: agreed.transpose().map_err(|_| row.corrupt("agreed"))?,
            status: row.text_opt("status")?,
            status_class: row.text_opt("status_class")?,
            changed: row.json("changed")?,
            touched_by: row.text_opt("touched_by")?,
            notes_asked: row.int("notes_asked")?,
            notes_read: row.int("notes_read")?,
            notes_since: row.time_opt("notes_since")?,
            decided: row.json("decided")?,
        })
    }

    /// Keeps where a ticket stands between both sides.
    pub async fn put_ticket_sync(&mut self, ticket: &TicketId, sync: &TicketSync) -> Result<()> {
        let tenant = self.tenant()?;
        let agreed = sync.agreed.as_ref().map(to_json).transpose()?;
        let sql = "insert into ticket_sync (tenant_id, ticket_id, gone, agreed, status, status_class, changed, touched_by, \
                   notes_asked, notes_read, notes_since, decided) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                   on conflict (tenant_id, ticket_id) do update set gone = excluded.gone, agreed = excluded.agreed, \
                   status = excluded.status, status_class = excluded.status_class, changed = excluded.changed, \
                   touched_by = excluded.touched_by, notes_asked = excluded.notes_asked, notes_read = excluded.notes_read, \
                   notes_since = excluded.notes_since, decided = excluded.decided";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(ticket.as_str())
            .bind(i64::from(sync.gone))
            .bind(agreed)
            .bind(sync.status.as_deref().map(storable))
            .bind(sync.status_class.as_deref())
            .bind(to_json(&sync.changed)?)
            .bind(sync.touched_by.as_deref().map(storable))
            .bind(sync.notes_asked)
            .bind(sync.notes_read)
            .bind(sync.notes_since.map(|at| at.0))
            .bind(to_json(&sync.decided)?);
        self.execute(statement).await?;
        Ok(())
    }

    /// Remembers an id that a ticket had in the other system.
    pub async fn insert_alias(&mut self, connection: &ConnectionId, external: &str, ticket: &TicketId) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into ticket_aliases (tenant_id, connection_id, external_id, ticket_id) values ($1, $2, $3, $4) \
                   on conflict do nothing";
        let statement = query(sql).bind(tenant.as_str()).bind(connection.as_str()).bind(storable(external));
        self.execute(statement.bind(ticket.as_str())).await?;
        Ok(())
    }

    /// Returns the ids that a ticket had in the other system before.
    pub async fn aliases(&mut self, ticket: &TicketId) -> Result<Vec<String>> {
        let tenant = self.tenant()?;
        let sql = "select external_id from ticket_aliases where tenant_id = $1 and ticket_id = $2 order by external_id";
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(ticket.as_str())).await?;
        rows.iter().map(|row| Row::of("ticket_aliases", row).text("external_id")).collect()
    }
}
