//! Accounts with their tokens, publishers, and an MSP's clients and locations.

use fitment_domain::id::{AccountId, ClientId, LocationId, PublisherId, TenantId, TokenId};
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::{AccountKind, Client, Location};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::row::Row;
use crate::{Result, Tx};

/// Who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub kind: AccountKind,
    pub email: String,
    pub password_hash: String,
    /// Of an MSP.
    pub tenant: Option<TenantId>,
    /// Of a publisher.
    pub publisher: Option<PublisherId>,
}

/// An API token and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// SHA-256 of the secret, hexadecimal.
    pub secret_hash: String,
    pub account: Account,
    pub expires: UnixMs,
    pub revoked: Option<UnixMs>,
}

/// A publisher and the key that signs its releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    pub id: PublisherId,
    pub name: String,
    pub key: Option<PublicKey>,
}

fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: row.parsed("id", AccountId::parse)?,
        kind: row.word("kind", AccountKind::parse)?,
        email: row.text("email")?,
        password_hash: row.text("password_hash")?,
        tenant: row.parsed_opt("tenant", TenantId::parse)?,
        publisher: row.parsed_opt("publisher", PublisherId::parse)?,
    })
}

fn publisher(row: &Row<'_>) -> Result<Publisher> {
    Ok(Publisher {
        id: row.parsed("id", PublisherId::parse)?,
        name: row.text("name")?,
        key: row.parsed_opt("public_key", PublicKey::parse)?,
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
    /// Keeps a new account, and with it the tenant or publisher that it acts for; `name` is theirs.
    pub async fn insert_account(&mut self, account: &Account, name: &str, now: UnixMs) -> Result<()> {
        self.platform()?;
        if let Some(tenant) = &account.tenant {
            let sql = "insert into tenants (tenant_id, name, created) values ($1, $2, $3)";
            self.execute(query(sql).bind(tenant.as_str()).bind(name).bind(now.0)).await?;
        }
        if let Some(publisher) = &account.publisher {
            let sql = "insert into publishers (id, name, created) values ($1, $2, $3)";
            self.execute(query(sql).bind(publisher.as_str()).bind(name).bind(now.0)).await?;
        }
        let sql = "insert into accounts (id, kind, email, password_hash, tenant, publisher, created) \
                   values ($1, $2, $3, $4, $5, $6, $7)";
        let statement = query(sql)
            .bind(account.id.as_str())
            .bind(account.kind.as_str())
            .bind(&account.email)
            .bind(&account.password_hash)
            .bind(account.tenant.as_ref().map(TenantId::as_str))
            .bind(account.publisher.as_ref().map(PublisherId::as_str))
            .bind(now.0);
        self.execute(statement).await?;
        Ok(())
    }

    /// Returns the account that signs in with an address.
    pub async fn account_by_email(&mut self, email: &str) -> Result<Option<Account>> {
        self.platform()?;
        let sql = "select id, kind, email, password_hash, tenant, publisher from accounts where email = $1";
        let found = self.row(query(sql).bind(email)).await?;
        found.map(|row| account(&Row::of("accounts", &row))).transpose()
    }

    /// Returns an account.
    pub async fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        self.platform()?;
        let sql = "select id, kind, email, password_hash, tenant, publisher from accounts where id = $1";
        let found = self.row(query(sql).bind(id.as_str())).await?;
        found.map(|row| account(&Row::of("accounts", &row))).transpose()
    }

    /// Keeps a new token; of its secret only the hash.
    pub async fn insert_token(
        &mut self,
        id: &TokenId,
        account: &AccountId,
        secret_hash: &str,
        label: &str,
        created: UnixMs,
        expires: UnixMs,
    ) -> Result<()> {
        self.platform()?;
        let sql =
            "insert into tokens (id, account, secret_hash, label, created, expires) values ($1, $2, $3, $4, $5, $6)";
        let statement = query(sql).bind(id.as_str()).bind(account.as_str()).bind(secret_hash).bind(label);
        self.execute(statement.bind(created.0).bind(expires.0)).await?;
        Ok(())
    }

    /// Returns a token and its account.
    pub async fn token(&mut self, id: &TokenId) -> Result<Option<TokenRow>> {
        self.platform()?;
        let sql = "select a.id, a.kind, a.email, a.password_hash, a.tenant, a.publisher, t.secret_hash, t.expires, t.revoked \
                   from tokens t join accounts a on a.id = t.account where t.id = $1";
        let Some(found) = self.row(query(sql).bind(id.as_str())).await? else { return Ok(None) };
        let row = Row::of("tokens", &found);
        Ok(Some(TokenRow {
            secret_hash: row.text("secret_hash")?,
            account: account(&row)?,
            expires: row.time("expires")?,
            revoked: row.time_opt("revoked")?,
        }))
    }

    /// Ends a token.
    pub async fn revoke_token(&mut self, id: &TokenId, now: UnixMs) -> Result<()> {
        self.platform()?;
        let sql = "update tokens set revoked = $2 where id = $1 and revoked is null";
        self.execute(query(sql).bind(id.as_str()).bind(now.0)).await?;
        Ok(())
    }

    /// Returns a publisher.
    pub async fn publisher(&mut self, id: &PublisherId) -> Result<Option<Publisher>> {
        self.platform()?;
        let sql = "select id, name, public_key from publishers where id = $1";
        let found = self.row(query(sql).bind(id.as_str())).await?;
        found.map(|row| publisher(&Row::of("publishers", &row))).transpose()
    }

    /// Returns the publisher of a name.
    pub async fn publisher_by_name(&mut self, name: &str) -> Result<Option<Publisher>> {
        self.platform()?;
        let sql = "select id, name, public_key from publishers where name = $1";
        let found = self.row(query(sql).bind(name)).await?;
        found.map(|row| publisher(&Row::of("publishers", &row))).transpose()
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
        let tenant = self.tenant()?;
        let sql = "select id, name from clients where tenant_id = $1 order by name, id";
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| client(&Row::of("clients", row))).collect()
    }

    /// Returns a client.
    pub async fn client(&mut self, id: &ClientId) -> Result<Option<Client>> {
        let tenant = self.tenant()?;
        let sql = "select id, name from clients where tenant_id = $1 and id = $2";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
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
        let tenant = self.tenant()?;
        let sql = "select id, client_id, name from locations where tenant_id = $1 order by name, id";
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| location(&Row::of("locations", row))).collect()
    }

    /// Returns a location.
    pub async fn location(&mut self, id: &LocationId) -> Result<Option<Location>> {
        let tenant = self.tenant()?;
        let sql = "select id, client_id, name from locations where tenant_id = $1 and id = $2";
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        found.map(|row| location(&Row::of("locations", &row))).transpose()
    }
}
