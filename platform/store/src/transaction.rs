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
        let in_turn = writes && matches!(tx.scope, Scope::Tenant(_));
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
            Scope::Tenant(_) => "tenant",
        }
    }

    /// Returns whose rows are written in this scope: a tenant's id, a publisher's id or `platform`.
    pub(crate) fn owner(&self) -> &str {
        match &self.scope {
            Scope::Platform => PLATFORM,
            Scope::Publisher(id) => id.as_str(),
            Scope::Tenant(id) => id.as_str(),
        }
    }

    pub(crate) fn platform(&self) -> Result<()> {
        match self.scope {
            Scope::Platform => Ok(()),
            Scope::Publisher(_) | Scope::Tenant(_) => Err(StoreError::Scope { needed: "platform" }),
        }
    }

    pub(crate) fn publisher_scope(&self) -> Result<PublisherId> {
        match &self.scope {
            Scope::Publisher(id) => Ok(id.clone()),
            Scope::Platform | Scope::Tenant(_) => Err(StoreError::Scope { needed: "publisher" }),
        }
    }

    pub(crate) fn tenant(&self) -> Result<TenantId> {
        match &self.scope {
            Scope::Tenant(id) => Ok(id.clone()),
            Scope::Platform | Scope::Publisher(_) => Err(StoreError::Scope { needed: "tenant" }),
        }
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
