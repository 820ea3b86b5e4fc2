//! Publishers, and an MSP's clients and locations.

use fitment_domain::id::{ClientId, LocationId, PublisherId, TenantId};
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::{Client, Location};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::within;
use crate::row::Row;
use crate::{Account, Result, Tx};

/// A publisher and the key that signs its releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    pub id: PublisherId,
    pub name: String,
    pub key: Option<PublicKey>,
    /// Where it tries releases that nobody approved yet.
    pub test_tenant: Option<TenantId>,
}

fn publisher(row: &Row<'_>) -> Result<Publisher> {
    Ok(Publisher {
        id: row.parsed("id", PublisherId::parse)?,
        name: row.text("name")?,
        key: row.parsed_opt("public_key", PublicKey::parse)?,
        test_tenant: row.parsed_opt("test_tenant", TenantId::parse)?,
    })
}

fn client(row: &Row<'_>) -> Result<Client> {
    Ok(Client { id: row.parsed("id", ClientId::parse)?, name: row.text("name")? })
}

fn location(row: &Row<'_>) -> Result<Location> {
    Ok(Location {
        id: row.parsed("id", LocationId::parse)?,
        client: row.parsed("client_id", ClientId::parse)?,
        name: row.text("name")?,
    })
}

impl Tx {
    /// Returns a publisher.
    pub async fn publisher(&mut self, id: &PublisherId) -> Result<Option<Publisher>> {
        self.platform()?;
        let sql = "select id, name, public_key, test_tenant from publishers where id = $1";
        let found = self.row(query(sql).bind(id.as_str())).await?;
        found.map(|row| publisher(&Row::of("publishers", &row))).transpose()
    }

    /// Returns the publisher of a name.
    pub async fn publisher_by_name(&mut self, name: &str) -> Result<Option<Publisher>> {
        self.platform()?;
        let sql = "select id, name, public_key, test_tenant from publishers where name = $1";
        let found = self.row(query(sql).bind(name)).await?;
        found.map(|row| publisher(&Row::of("publishers", &row))).transpose()
    }

    /// Gives a publisher the tenant of an account as its test tenant. Returns false if it has one.
    pub async fn set_test_tenant(&mut self, publisher: &PublisherId, account: &Account) -> Result<bool> {
        self.platform()?;
        let tenant = account.tenant.as_ref().map(TenantId::as_str);
        let sql = "update publishers set test_tenant = $2 where id = $1 and test_tenant is null";
        Ok(self.execute(query(sql).bind(publisher.as_str()).bind(tenant)).await? > 0)
    }

    /// Returns whether the tenant in scope is some publisher's test tenant.
    pub async fn is_test_tenant(&mut self) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "select id from publishers where test_tenant = $1";
        Ok(self.row(query(sql).bind(tenant.as_str())).await?.is_some())
    }

    /// Makes a key the one that signs this publisher's next releases. Earlier keys stay in the history.
    pub async fn set_publisher_key(&mut self, key: &PublicKey, now: UnixMs) -> Result<()> {
        let (publisher, key) = (self.publisher_scope()?, key.to_string());
        let sql = "update publishers set public_key = $2 where id = $1";
        self.execute(query(sql).bind(publisher.as_str()).bind(&key)).await?;
        let sql =
            "insert into publisher_keys (publisher, since, public_key) values ($1, $2, $3) on conflict do nothing";
        self.execute(query(sql).bind(publisher.as_str()).bind(now.0).bind(&key)).await?;
        Ok(())
    }

    /// Returns the key that signed this publisher's releases at a time: a later key says nothing about earlier releases.
    pub async fn publisher_key_at(&mut self, publisher: &PublisherId, at: UnixMs) -> Result<Option<PublicKey>> {
        self.platform()?;
        let sql =
            "select public_key from publisher_keys where publisher = $1 and since <= $2 order by since desc limit 1";
        let found = self.row(query(sql).bind(publisher.as_str()).bind(at.0)).await?;
        found.map(|row| Row::of("publisher_keys", &row).parsed("public_key", PublicKey::parse)).transpose()
    }

    /// Returns every tenant.
    pub async fn tenants(&mut self) -> Result<Vec<TenantId>> {
        self.platform()?;
        let rows = self.rows(query("select tenant_id from tenants order by tenant_id")).await?;
        rows.iter().map(|row| Row::of("tenants", row).parsed("tenant_id", TenantId::parse)).collect()
    }

    /// Keeps a new client.
    pub async fn insert_client(&mut self, client: &Client) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into clients (tenant_id, id, name) values ($1, $2, $3)";
        self.execute(query(sql).bind(tenant.as_str()).bind(client.id.as_str()).bind(&client.name)).await?;
        Ok(())
    }

    /// Returns the clients by name.
    pub async fn clients(&mut self) -> Result<Vec<Client>> {
        let (tenant, who) = self.part()?;
        let sql =
            concat!("select id, name from clients where tenant_id = $1 and ", within!("id"), " order by name, id");
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| client(&Row::of("clients", row))).collect()
    }

    /// Returns a client.
    pub async fn client(&mut self, id: &ClientId) -> Result<Option<Client>> {
        let (tenant, who) = self.part()?;
        let sql = concat!("select id, name from clients where tenant_id = $1 and id = $3 and ", within!("id"));
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| client(&Row::of("clients", &row))).transpose()
    }

    /// Keeps a new location.
    pub async fn insert_location(&mut self, location: &Location) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "insert into locations (tenant_id, id, client_id, name) values ($1, $2, $3, $4)";
        let statement = query(sql).bind(tenant.as_str()).bind(location.id.as_str()).bind(location.client.as_str());
        self.execute(statement.bind(&location.name)).await?;
        Ok(())
    }

    /// Returns the locations by name.
    pub async fn locations(&mut self) -> Result<Vec<Location>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select id, client_id, name from locations where tenant_id = $1 and ",
            within!("client_id"),
            " order by name, id"
        );
        let rows = self.rows(query(sql).bind(tenant.as_str()).bind(who)).await?;
        rows.iter().map(|row| location(&Row::of("locations", row))).collect()
    }

    /// Returns a location.
    pub async fn location(&mut self, id: &LocationId) -> Result<Option<Location>> {
        let (tenant, who) = self.part()?;
        let sql = concat!(
            "select id, client_id, name from locations where tenant_id = $1 and id = $3 and ",
            within!("client_id")
        );
        let found = self.row(query(sql).bind(tenant.as_str()).bind(who).bind(id.as_str())).await?;
        found.map(|row| location(&Row::of("locations", &row))).transpose()
    }
}
