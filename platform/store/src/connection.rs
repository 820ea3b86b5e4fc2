//! Connections to ticketing systems.

use fitment_domain::id::{ConnectionId, ReleaseId};
use fitment_domain::time::UnixMs;
use sqlx::query;

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
}

macro_rules! columns {
    () => {
        "id, name, release_id, url, config, sealed_secrets, account, closed_status, state, problem, created"
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
    })
}

impl Tx {
    /// Keeps a new connection.
    pub async fn insert_connection(&mut self, connection: &Connection) -> Result<()> {
        let (tenant, config) = (self.tenant()?, to_json(&connection.config)?);
        let sql = concat!(
            "insert into connections (tenant_id, ",
            columns!(),
            ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
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
            .bind(connection.created.0);
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns the connections, oldest first.
    pub async fn connections(&mut self) -> Result<Vec<Connection>> {
        let (tenant, _all_clients_have_the_same) = self.part()?;
        let sql = concat!("select ", columns!(), " from connections where tenant_id = $1 order by created, id");
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| connection(&Row::of("connections", row))).collect()
    }

    /// Returns a connection.
    pub async fn connection(&mut self, id: &ConnectionId) -> Result<Option<Connection>> {
        let tenant = self.tenant()?;
        let sql = concat!("select ", columns!(), " from connections where tenant_id = $1 and id = $2");
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
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
