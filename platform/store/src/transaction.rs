//! A transaction in a scope.

use fitment_domain::id::{PublisherId, TenantId};
use fitment_domain::tenant::Scope;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::dialect::Dialect;
use crate::{Result, StoreError};

/// Whose rows the platform's own are.
pub(crate) const PLATFORM: &str = "platform";

/// A statement with its values.
pub(crate) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// A transaction in a scope. Dropping it without `commit` takes back what it did.
#[derive(Debug)]
pub struct Tx {
    inner: Transaction<'static, Any>,
    dialect: Dialect,
    scope: Scope,
    writes: bool,
    /// Held until the transaction is over: fields are dropped in this order.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Tx {
    pub(crate) async fn begin(
        pool: &AnyPool,
        dialect: Dialect,
        scope: Scope,
        writes: bool,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Self> {
        let inner = pool.begin_with(dialect.begin(writes)).await?;
        let mut tx = Self { inner, dialect, scope, writes, _turn: turn };
        let in_turn = writes && matches!(tx.scope, Scope::Tenant(_) | Scope::Part { .. });
        if let Some(sql) = dialect.enter_scope(in_turn) {
            let (kind, owner) = (tx.kind(), tx.owner().to_owned());
            sqlx::query(sql).bind(kind).bind(owner).execute(&mut *tx.inner).await?;
        }
        Ok(tx)
    }

    /// Makes everything that was done durable.
    pub async fn commit(self) -> Result<()> {
        self.inner.commit().await?;
        Ok(())
    }

    /// Returns the scope.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the scope's name: `platform`, `publisher` or `tenant`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.scope {
            Scope::Platform => PLATFORM,
            Scope::Publisher(_) => "publisher",
            Scope::Tenant(_) | Scope::Part { .. } => "tenant",
        }
    }

    /// Returns whose rows are written in this scope: a tenant's id, a publisher's id or `platform`.
    pub(crate) fn owner(&self) -> &str {
        match &self.scope {
            Scope::Platform => PLATFORM,
            Scope::Publisher(id) => id.as_str(),
            Scope::Tenant(tenant) | Scope::Part { tenant, .. } => tenant.as_str(),
        }
    }

    pub(crate) fn platform(&self) -> Result<()> {
        match self.scope {
            Scope::Platform => Ok(()),
            Scope::Publisher(_) | Scope::Tenant(_) | Scope::Part { .. } => {
                Err(StoreError::Scope { needed: "platform" })
            }
        }
    }

    pub(crate) fn publisher_scope(&self) -> Result<PublisherId> {
        match &self.scope {
            Scope::Publisher(id) => Ok(id.clone()),
            Scope::Platform | Scope::Tenant(_) | Scope::Part { .. } => Err(StoreError::Scope { needed: "publisher" }),
        }
    }

    /// Returns the tenant whose rows these are. Refused to somebody who is there for some clients: see `part`.
    pub(crate) fn tenant(&self) -> Result<TenantId> {
        match &self.scope {
            Scope::Tenant(id) => Ok(id.clone()),
            Scope::Part { .. } => Err(StoreError::AllClients),
            Scope::Platform | Scope::Publisher(_) => Err(StoreError::Scope { needed: "tenant" }),
        }
    }

    /// Returns the tenant, and who asks if that person is there for some clients only, or the empty text: the first two values
    /// of every statement that `within!` narrows to the clients of that person.
    pub(crate) fn part(&self) -> Result<(TenantId, String)> {
        match &self.scope {
            Scope::Part { tenant, account } => Ok((tenant.clone(), account.as_str().to_owned())),
            Scope::Platform | Scope::Publisher(_) | Scope::Tenant(_) => Ok((self.tenant()?, String::new())),
        }
    }

    /// Goes on in the scope of the whole tenant: for what follows from a change that the narrower scope has allowed.
    pub fn widen(&mut self) -> Result<()> {
        self.scope = Scope::Tenant(self.part()?.0);
        Ok(())
    }

    /// Returns the connection itself, for what is neither one row nor a few.
    pub(crate) fn wire(&mut self) -> &mut sqlx::AnyConnection {
        &mut self.inner
    }

    /// Runs a statement that writes, and returns how many rows it touched.
    pub(crate) async fn execute(&mut self, statement: Statement<'_>) -> Result<u64> {
        self.check_writes()?;
        Ok(statement.execute(&mut *self.inner).await?.rows_affected())
    }

    /// Runs a statement that writes and returns rows.
    pub(crate) async fn execute_returning(&mut self, statement: Statement<'_>) -> Result<Vec<AnyRow>> {
        self.check_writes()?;
        self.rows(statement).await
    }

    pub(crate) async fn row(&mut self, statement: Statement<'_>) -> Result<Option<AnyRow>> {
        Ok(statement.fetch_optional(&mut *self.inner).await?)
    }

    pub(crate) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<AnyRow>> {
        Ok(statement.fetch_all(&mut *self.inner).await?)
    }

    fn check_writes(&self) -> Result<()> {
        if self.writes {
            Ok(())
        } else {
            Err(StoreError::Sql("a transaction that reads was asked to write".to_owned()))
        }
    }
}
