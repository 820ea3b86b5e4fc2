//! An MSP's people, and for which of its clients each is there.

use std::collections::BTreeSet;

use fitment_domain::id::{AccountId, ClientId};
use fitment_domain::tenant::Role;
use fitment_domain::time::UnixMs;
use sqlx::query;

use crate::account::{account, account_columns, insertion};
use crate::row::Row;
use crate::{Account, Result, StoreError, Tx};

impl Tx {
    /// Keeps a new person of this tenant. An address that anybody signs in with is a conflict.
    pub async fn insert_person(&mut self, person: &Account) -> Result<()> {
        if person.tenant.as_ref() != Some(&self.tenant()?) {
            return Err(StoreError::Scope { needed: "the person's own tenant" });
        }
        self.execute(insertion(person)).await?;
        Ok(())
    }

    /// Returns the people of this tenant by address, also those that were disabled.
    pub async fn people(&mut self) -> Result<Vec<Account>> {
        let tenant = self.tenant()?;
        let sql = concat!("select ", account_columns!(), " from accounts where tenant = $1 order by email");
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        rows.iter().map(|row| account(&Row::of("accounts", row))).collect()
    }

    /// Returns a person of this tenant.
    pub async fn person(&mut self, id: &AccountId) -> Result<Option<Account>> {
        let tenant = self.tenant()?;
        let sql = concat!("select ", account_columns!(), " from accounts where tenant = $1 and id = $2");
        let found = self.row(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        found.map(|row| account(&Row::of("accounts", &row))).transpose()
    }

    /// Gives a person of this tenant another role.
    pub async fn set_role(&mut self, id: &AccountId, role: Role, all_clients: bool) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "update accounts set role = $3, all_clients = $4 where tenant = $1 and id = $2";
        let statement = query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(role.as_str());
        self.execute(statement.bind(i64::from(all_clients))).await?;
        Ok(())
    }

    /// Says for which clients of this tenant a person is there, in the place of what was said before.
    pub async fn set_clients_of(&mut self, id: &AccountId, clients: &BTreeSet<ClientId>) -> Result<()> {
        let tenant = self.tenant()?;
        let sql = "delete from account_clients where tenant_id = $1 and account_id = $2";
        self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str())).await?;
        for client in clients {
            let sql = "insert into account_clients (tenant_id, account_id, client_id) values ($1, $2, $3)";
            self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(client.as_str())).await?;
        }
        Ok(())
    }

    /// Returns every person's clients, where they are not all.
    pub async fn clients_of_people(&mut self) -> Result<Vec<(AccountId, ClientId)>> {
        let tenant = self.tenant()?;
        let sql = "select tenant_id, account_id, client_id from account_clients where tenant_id = $1 \
                   order by account_id, client_id";
        let rows = self.rows(query(sql).bind(tenant.as_str())).await?;
        let read = |row| {
            let row = Row::of("account_clients", row);
            Ok((row.parsed("account_id", AccountId::parse)?, row.parsed("client_id", ClientId::parse)?))
        };
        rows.iter().map(read).collect()
    }

    /// Disables a person of this tenant and ends every token. Returns whether there was somebody who could sign in.
    pub async fn disable_person(&mut self, id: &AccountId, now: UnixMs) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update accounts set disabled = $3 where tenant = $1 and id = $2 and disabled is null";
        if self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(now.0)).await? == 0 {
            return Ok(false);
        }
        let sql = "update tokens set revoked = $2 where account = $1 and revoked is null";
        self.execute(query(sql).bind(id.as_str()).bind(now.0)).await?;
        Ok(true)
    }

    /// Gives a person of this tenant a new first password, enabled again, and ends every token. Returns whether there is such a one.
    pub async fn let_in_again(&mut self, id: &AccountId, password_hash: &str, now: UnixMs) -> Result<bool> {
        let tenant = self.tenant()?;
        let sql = "update accounts set password_hash = $3, disabled = null where tenant = $1 and id = $2";
        if self.execute(query(sql).bind(tenant.as_str()).bind(id.as_str()).bind(password_hash)).await? == 0 {
            return Ok(false);
        }
        let sql = "update tokens set revoked = $2 where account = $1 and revoked is null";
        self.execute(query(sql).bind(id.as_str()).bind(now.0)).await?;
        Ok(true)
    }
}
