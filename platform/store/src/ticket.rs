//! Our own tickets and the ledger of their way into another system.

use fitment_domain::id::{AlertId, CategoryId, ConnectionId, DeviceId, RuleId, TicketId};
use fitment_domain::ticket::{Delivery, TicketState};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::listed::{After, Listed, from, part_of_list};
use crate::part::on_device_within;
use crate::row::{Row, storable};
use crate::transaction::Statement;
use crate::{Result, StoreError, Tx};

/// A ticket as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRow {
    pub id: TicketId,
    /// For people; counts from 1 within a tenant.
    pub number: i64,
    pub alert: Option<AlertId>,
    pub device: Option<DeviceId>,
    pub source: String,
    pub category: CategoryId,
    pub board: String,
    pub priority: Option<String>,
    pub summary: String,
    pub description: String,
    pub state: TicketState,
    pub occurrences: i64,
    pub created: UnixMs,
    pub updated: UnixMs,
    pub connection: Option<ConnectionId>,
    pub delivery: Delivery,
    pub external_number: Option<String>,
    pub external_url: Option<String>,
    pub external_status: Option<String>,
    /// Why delivery waits.
    pub problem: Option<String>,
    pub chosen_by: Option<RuleId>,
}

/// In the order of `bound`.
macro_rules! columns {
    () => {
        "id, number, alert_id, open_alert, device_id, source, category_id, board, priority, summary, description, state, \
         occurrences, created, updated, connection_id, create_started, external_id, close_wanted, close_settled, \
         external_number, external_url, external_status, problem, chosen_by, returned"
    };
}

fn ticket(row: &Row<'_>) -> Result<TicketRow> {
    Ok(TicketRow {
        id: row.parsed("id", TicketId::parse)?,
        number: row.int("number")?,
        alert: row.parsed_opt("alert_id", AlertId::parse)?,
        device: row.parsed_opt("device_id", DeviceId::parse)?,
        source: row.text("source")?,
        category: row.parsed("category_id", CategoryId::parse)?,
        board: row.text("board")?,
        priority: row.text_opt("priority")?,
        summary: row.text("summary")?,
        description: row.text("description")?,
        state: row.word("state", TicketState::parse)?,
        occurrences: row.int("occurrences")?,
        created: row.time("created")?,
        updated: row.time("updated")?,
        connection: row.parsed_opt("connection_id", ConnectionId::parse)?,
        delivery: Delivery {
            create_started: row.time_opt("create_started")?,
            external_id: row.text_opt("external_id")?,
            close_wanted: row.flag("close_wanted")?,
            close_settled: row.flag("close_settled")?,
            returned: row.flag("returned")?,
        },
        external_number: row.text_opt("external_number")?,
        external_url: row.text_opt("external_url")?,
        external_status: row.text_opt("external_status")?,
        problem: row.text_opt("problem")?,
        chosen_by: row.parsed_opt("chosen_by", RuleId::parse)?,
    })
}

/// Binds the tenant as `$1` and every column after it.
fn bound<'q>(statement: Statement<'q>, tenant: &'q str, ticket: &'q TicketRow) -> Statement<'q> {
    let alert = ticket.alert.as_ref().map(AlertId::as_str);
    statement
        .bind(tenant)
        .bind(ticket.id.as_str())
        .bind(ticket.number)
        .bind(alert)
        .bind(alert.filter(|_| ticket.state == TicketState::Open))
        .bind(ticket.device.as_ref().map(DeviceId::as_str))
        .bind(&ticket.source)
        .bind(ticket.category.as_str())
        .bind(&ticket.board)
        .bind(ticket.priority.as_deref())
        .bind(storable(&ticket.summary))
        .bind(storable(&ticket.description))
        .bind(ticket.state.as_str())
        .bind(ticket.occurrences)
        .bind(ticket.created.0)
        .bind(ticket.updated.0)
        .bind(ticket.connection.as_ref().map(ConnectionId::as_str))
        .bind(ticket.delivery.create_started.map(|at| at.0))
        .bind(ticket.delivery.external_id.as_deref().map(storable))
        .bind(i64::from(ticket.delivery.close_wanted))
        .bind(i64::from(ticket.delivery.close_settled))
        .bind(ticket.external_number.as_deref().map(storable))
        .bind(ticket.external_url.as_deref().map(storable))
        .bind(ticket.external_status.as_deref().map(storable))
        .bind(ticket.problem.as_deref().map(storable))
        .bind(ticket.chosen_by.as_ref().map(RuleId::as_str))
        .bind(i64::from(ticket.delivery.returned))
}

impl Tx {
    /// Takes the tenant's next ticket number.
    pub async fn next_ticket_number(&mut self) -> Result<i64> {
        let tenant = self.tenant()?;
        let sql = "insert into ticket_numbers (tenant_id, last) values ($1, 1) \
                   on conflict (tenant_id) do update set last = ticket_numbers.last + 1 returning tenant_id, last";
        let rows = self.execute_returning(query(sql).bind(tenant.as_str())).await?;
        let row = rows.first().ok_or_else(|| StoreError::Sql("no ticket number came back".to_owned()))?;
        Row::of("ticket_numbers", row).int("last")
    }

    /// Keeps a new ticket. A second open one of the same alert is a conflict.
    pub async fn insert_ticket(&mut self, ticket: &TicketRow) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "insert into tickets (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
             $23, $24, $25, $26, $27)"
        );
        self.execute(bound(query(sql), tenant.as_str(), ticket)).await?;
        Ok(())
    }

    /// Keeps what changed of a ticket.
    pub async fn update_ticket(&mut self, ticket: &TicketRow) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update tickets set number = $3, alert_id = $4, open_alert = $5, device_id = $6, source = $7, \
                   category_id = $8, board = $9, priority = $10, summary = $11, description = $12, state = $13, \
                   occurrences = $14, created = $15, updated = $16, connection_id = $17, create_started = $18, \
                   external_id = $19, close_wanted = $20, close_settled = $21, external_number = $22, external_url = $23, \
                   external_status = $24, problem = $25, chosen_by = $26, returned = $27 where tenant_id = $1 and id = $2";
        self.execute(bound(query(sql), tenant.as_str(), ticket)).await?;
        Ok(())
    }

    /// Returns a ticket.
    pub async fn ticket(&mut self, id: &TicketId) -> Result<Option<TicketRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from tickets where tenant_id = $1 and id = $3 and ",
            on_device_within!("device_id")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| ticket(&Row::of("tickets", &row))).transpose()
    }

    /// Returns the ticket that people call by this number.
    pub async fn ticket_by_number(&mut self, number: i64) -> Result<Option<TicketRow>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from tickets where tenant_id = $1 and number = $3 and ",
            on_device_within!("device_id")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(number)).await?;
        found.map(|row| ticket(&Row::of("tickets", &row))).transpose()
    }

    /// Returns a part of the tickets, of all or of one state or device: open ones first, each newest first.
    pub async fn tickets(
        &mut self,
        state: Option<TicketState>,
        device: Option<&DeviceId>,
        after: Option<&After>,
    ) -> Result<Listed<TicketRow>> {
        let (tenant, who) = self.part()?;
        let sql = part_of_list!(
            "select ",
            columns!(),
            ", case state when 'open' then 0 else 1 end as rank, number as place \
             from tickets where tenant_id = $1 and ($3 = '' or state = $3) and ($4 = '' or device_id = $4) and ",
            on_device_within!("device_id"),
        );
        let statement = query(sql).bind(tenant.as_str()).bind(who).bind(state.map_or("", TicketState::as_str));
        let rows = self.rows(from(statement.bind(device.map_or("", DeviceId::as_str)), after)).await?;
        Listed::read("tickets", &rows, ticket)
    }

    /// Returns the open tickets of a connection.
    pub async fn open_tickets_of(&mut self, connection: &ConnectionId) -> Result<Vec<TicketRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from tickets where tenant_id = $1 and connection_id = $2 and state = 'open' order by number"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(connection.as_str())).await?;
        rows.iter().map(|row| ticket(&Row::of("tickets", row))).collect()
    }

    /// Returns the tickets that have this id in the other system, now or in former times. After a merge there it may be several.
    pub async fn tickets_by_external_id(
        &mut self,
        connection: &ConnectionId,
        external: &str,
    ) -> Result<Vec<TicketRow>> {
        let tenant = self.tenant()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from tickets where tenant_id = $1 and connection_id = $2 and (external_id = $3 or id in (\
              select ticket_id from ticket_aliases where tenant_id = $1 and connection_id = $2 and external_id = $3)) \
              order by number"
        );
        let statement = query(sql).bind(tenant.as_str()).bind(connection.as_str()).bind(external);
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| ticket(&Row::of("tickets", row))).collect()
    }

    /// Notes of every ticket and note that another system does not have yet that it may be under way since this time: it is
    /// looked for before it is made.
    pub async fn doubt_deliveries(&mut self, since: UnixMs) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update tickets set create_started = $2 where tenant_id = $1 and connection_id is not null \
                   and external_id is null and create_started is null and state = 'open'";
        self.execute(query(sql).bind(tenant.as_str()).bind(since.0)).await?;
        let sql = "update ticket_notes set sending = $2 where tenant_id = $1 and source = 'here' and sent is null \
                   and sending is null and ticket_id in \
                   (select id from tickets where tenant_id = $1 and connection_id is not null)";
        self.execute(query(sql).bind(tenant.as_str()).bind(since.0)).await?;
        Ok(())
    }

    /// Returns the open ticket of an alert; there is one at most.
    pub async fn open_ticket_of_alert(&mut self, alert: &AlertId) -> Result<Option<TicketRow>> {
        let tenant = self.tenant()?;
        let sql = concat!("select ", columns!(), " from tickets where tenant_id = $1 and open_alert = $2");
        let found = self.row(query(sql).bind(tenant.as_str()).bind(alert.as_str())).await?;
        found.map(|row| ticket(&Row::of("tickets", &row))).transpose()
    }
}
