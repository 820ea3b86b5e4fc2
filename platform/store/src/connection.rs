//! Connections to ticketing systems.

use fitment_domain::id::{ClientId, ConnectionId, ReleaseId};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::within;
use crate::row::{Row, storable, to_json};
use crate::{Result, Tx};

/// A connection to a ticketing system through a connector.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    pub id: ConnectionId,
    pub name: String,
    /// Of the connector.
    pub release: ReleaseId,
    /// The origin that the connector may speak to.
    pub url: String,
    pub config: serde_json::Value,
    /// Encrypted by the server; the store cannot read them.
    pub sealed_secrets: Vec<u8>,
    /// As whom we are known there.
    pub account: Option<String>,
    pub closed_status: String,
    /// `ok`, `auth-failed` or `away`.
    pub state: String,
    pub problem: Option<String>,
    pub created: UnixMs,
    /// Whose tickets it carries; none for those of every client that has no connection of its own.
    pub client: Option<ClientId>,
}

macro_rules! columns {
    () => {
        "id, name, release_id, url, config, sealed_secrets, account, closed_status, state, problem, created, client_id"
    };
}

fn connection(row: &Row<'_>) -> Result<Connection> {
    Ok(Connection {
        id: row.parsed("id", ConnectionId::parse)?,
        name: row.text("name")?,
        release: row.parsed("release_id", ReleaseId::parse)?,
        url: row.text("url")?,
        config: row.json("config")?,
        sealed_secrets: row.bytes("sealed_secrets")?,
        account: row.text_opt("account")?,
        closed_status: row.text("closed_status")?,
        state: row.text("state")?,
        problem: row.text_opt("problem")?,
        created: row.time("created")?,
        client: row.parsed_opt("client_id", ClientId::parse)?,
    })
}

impl Tx {
    /// Keeps a new connection.
    pub async fn insert_connection(&mut self, connection: &Connection) -> Result<()> {
        let (tenant, config) = (self.tenant()?, to_json(&connection.config)?);
        let sql = concat!(
            "insert into connections (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        );
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(connection.id.as_str())
            .bind(&connection.name)
            .bind(connection.release.as_str())
            .bind(&connection.url)
            .bind(config)
            .bind(connection.sealed_secrets.as_slice())
            .bind(connection.account.as_deref())
            .bind(&connection.closed_status)
            .bind(&connection.state)
            .bind(connection.problem.as_deref())
            .bind(connection.created.0)
            .bind(connection.client.as_ref().map(ClientId::as_str));
        self.execute(statement).await?;
        Ok(())
    }

    /// Keeps what changed of a connection that is there. Returns whether it is.
    pub async fn update_connection(&mut self, connection: &Connection) -> Result<bool> {
        let (tenant, config) = (self.tenant()?, to_json(&connection.config)?);
        let sql = "update connections set name = $3, release_id = $4, url = $5, config = $6, sealed_secrets = $7, \
                   account = $8, closed_status = $9, state = $10, problem = $11, client_id = $12 \
                   where tenant_id = $1 and id = $2 and removed is null";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(connection.id.as_str())
            .bind(&connection.name)
            .bind(connection.release.as_str())
            .bind(&connection.url)
            .bind(config)
            .bind(connection.sealed_secrets.as_slice())
            .bind(connection.account.as_deref().map(storable))
            .bind(&connection.closed_status)
            .bind(&connection.state)
            .bind(connection.problem.as_deref().map(storable))
            .bind(connection.client.as_ref().map(ClientId::as_str));
        Ok(self.execute(statement).await? > 0)
    }

    /// Removes a connection and its secrets; tickets keep their link. Returns whether it was there.
    pub async fn remove_connection(&mut self, id: &ConnectionId, now: UnixMs) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update connections set removed = $3, sealed_secrets = $4 \
                   where tenant_id = $1 and id = $2 and removed is null";
        let statement = query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0).bind(Vec::<u8>::new());
        Ok(self.execute(statement).await? > 0)
    }

    /// Returns the connections, oldest first: those of all clients, and those of the clients that the person is there for.
    pub async fn connections(&mut self) -> Result<Vec<Connection>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from connections where tenant_id = $1 and removed is null and (client_id is null or ",
            within!("client_id"),
            ") order by created, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| connection(&Row::of("connections", row))).collect()
    }

    /// Returns a connection.
    pub async fn connection(&mut self, id: &ConnectionId) -> Result<Option<Connection>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select ",
            columns!(),
            " from connections where tenant_id = $1 and id = $3 and removed is null and (client_id is null or ",
            within!("client_id"),
            ")"
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| connection(&Row::of("connections", &row))).transpose()
    }

    /// Notes how a connection does. An account that is not given stays as it was.
    pub async fn set_connection_state(
        &mut self,
        id: &ConnectionId,
        state: &str,
        problem: Option<&str>,
        account: Option<&str>,
    ) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update connections set state = $3, problem = $4, account = coalesce($5, account) \
                   where tenant_id = $1 and id = $2";
        let statement = query(sql)
            .bind(tenant.as_str())
            .bind(id.as_str())
            .bind(state)
            .bind(problem.map(storable))
            .bind(account.map(storable));
        self.execute(statement).await?;
        Ok(())
    }
}
