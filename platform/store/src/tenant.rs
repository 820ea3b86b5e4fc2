//! Accounts with their tokens, publishers, and an MSP's clients and locations.

use fitment_domain::id::{AccountId, ClientId, LocationId, PublisherId, TenantId, TokenId};
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::{AccountKind, Client, Location, Role};
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::part::within;
use crate::row::Row;
use crate::transaction::Statement;
use crate::{Result, Tx};

/// Who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub kind: AccountKind,
    pub role: Role,
    /// Whether an MSP's person is there for every client; otherwise `Tx::clients_of` says for which.
    pub all_clients: bool,
    pub email: String,
    pub password_hash: String,
    /// Of an MSP.
    pub tenant: Option<TenantId>,
    /// Of a publisher.
    pub publisher: Option<PublisherId>,
    pub created: UnixMs,
    /// Since when it cannot sign in any more.
    pub disabled: Option<UnixMs>,
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

/// In the order of `insertion`.
macro_rules! account_columns {
    () => {
        "id, kind, role, all_clients, email, password_hash, tenant, publisher, created, disabled"
    };
}
pub(crate) use account_columns;

pub(crate) fn account(row: &Row<'_>) -> Result<Account> {
    Ok(Account {
        id: row.parsed("id", AccountId::parse)?,
        kind: row.word("kind", AccountKind::parse)?,
        role: row.word("role", Role::parse)?,
        all_clients: row.flag("all_clients")?,
        email: row.text("email")?,
        password_hash: row.text("password_hash")?,
        tenant: row.parsed_opt("tenant", TenantId::parse)?,
        publisher: row.parsed_opt("publisher", PublisherId::parse)?,
        created: row.time("created")?,
        disabled: row.time_opt("disabled")?,
    })
}

/// The statement that keeps an account.
pub(crate) fn insertion(account: &Account) -> Statement<'_> {
    let sql =
        concat!("insert into accounts (", account_columns!(), ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
    query(sql)
        .bind(account.id.as_str())
        .bind(account.kind.as_str())
        .bind(account.role.as_str())
        .bind(i64::from(account.all_clients))
        .bind(&account.email)
        .bind(&account.password_hash)
        .bind(account.tenant.as_ref().map(TenantId::as_str))
        .bind(account.publisher.as_ref().map(PublisherId::as_str))
        .bind(account.created.0)
        .bind(account.disabled.map(|at| at.0))
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
    pub async fn insert_account(&mut self, account: &Account, name: &str) -> Result<()> {
        self.platform()?;
        if let Some(tenant) = &account.tenant {
            let sql = "insert into tenants (tenant_id, name, created) values ($1, $2, $3)";
            self.execute(query(sql).bind(tenant.as_str()).bind(name).bind(account.created.0)).await?;
        }
        if let Some(publisher) = &account.publisher {
            let sql = "insert into publishers (id, name, created) values ($1, $2, $3)";
            self.execute(query(sql).bind(publisher.as_str()).bind(name).bind(account.created.0)).await?;
        }
        self.execute(insertion(account)).await?;
        Ok(())
    }

    /// Returns the account that signs in with an address.
    pub async fn account_by_email(&mut self, email: &str) -> Result<Option<Account>> {
        self.platform()?;
        let sql = concat!("select ", account_columns!(), " from accounts where email = $1");
        let found = self.row(query(sql).bind(email)).await?;
        found.map(|row| account(&Row::of("accounts", &row))).transpose()
    }

    /// Returns an account.
    pub async fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        self.platform()?;
        let sql = concat!("select ", account_columns!(), " from accounts where id = $1");
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
        let sql = "select a.id, a.kind, a.role, a.all_clients, a.email, a.password_hash, a.tenant, a.publisher, a.created, a.disabled, \
                   t.secret_hash, t.expires, t.revoked from tokens t join accounts a on a.id = t.account where t.id = $1";
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
