//! Accounts, and the tokens by which they call.

use std::collections::BTreeSet;

use fitment_domain::id::{AccountId, ClientId, PublisherId, TenantId, TokenId};
use fitment_domain::tenant::{AccountKind, Role};
use fitment_domain::time::UnixMs;
use sqlx::query;

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

/// An account as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSummary {
    pub account: Account,
    /// Of the publisher or the MSP.
    pub name: Option<String>,
    /// Devices in the care of the MSP that were not revoked.
    pub devices: i64,
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

    /// Returns the accounts, newest first, at most 1,000.
    pub async fn accounts(&mut self) -> Result<Vec<AccountSummary>> {
        self.platform()?;
        let sql = "select a.id, a.kind, a.role, a.all_clients, a.email, a.password_hash, a.tenant, a.publisher, a.created, a.disabled, \
                   coalesce(t.name, p.name) as name, \
                   (select count(*) from devices d where d.tenant_id = a.tenant and d.revoked is null) as devices \
                   from accounts a left join tenants t on t.tenant_id = a.tenant left join publishers p on p.id = a.publisher \
                   order by a.created desc, a.id limit 1000";
        let rows = self.rows(query(sql)).await?;
        let read = |row| {
            let row = Row::of("accounts", row);
            Ok(AccountSummary { account: account(&row)?, name: row.text_opt("name")?, devices: row.int("devices")? })
        };
        rows.iter().map(read).collect()
    }

    /// Gives an account another password, and ends all its tokens but one.
    pub async fn set_password(&mut self, id: &AccountId, hash: &str, stays: &TokenId, now: UnixMs) -> Result<()> {
        self.platform()?;
        let sql = "update accounts set password_hash = $2 where id = $1";
        self.execute(query(sql).bind(id.as_str()).bind(hash)).await?;
        let sql = "update tokens set revoked = $3 where account = $1 and id <> $2 and revoked is null";
        self.execute(query(sql).bind(id.as_str()).bind(stays.as_str()).bind(now.0)).await?;
        Ok(())
    }

    /// Returns for which clients an account is there, where it is not there for all.
    pub async fn clients_of(&mut self, id: &AccountId) -> Result<BTreeSet<ClientId>> {
        self.platform()?;
        let sql = "select tenant_id, account_id, client_id from account_clients \
                   where tenant_id = (select tenant from accounts where id = $1) and account_id = $1";
        let rows = self.rows(query(sql).bind(id.as_str())).await?;
        rows.iter().map(|row| Row::of("account_clients", row).parsed("client_id", ClientId::parse)).collect()
    }
}
