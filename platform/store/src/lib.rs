//! Persistence: SQL on SQLite or PostgreSQL, and objects in a folder. The only crate that names sqlx and object_store.
//!
//! Everything happens in a transaction, and a transaction has a scope: `Platform`, `Publisher` or `Tenant`. A function
//! that speaks of a tenant's rows takes the tenant from the scope, never as an argument.

mod dialect;
mod error;
mod listed;
mod many;
mod objects;
mod part;
mod row;
mod transaction;

mod account;
mod alert;
mod artifact;
mod audit;
mod backup;
mod ceiling;
mod connection;
mod cost;
mod counts;
mod device;
mod finding;
mod installation;
mod instruction;
mod job;
mod location;
mod mapping;
mod note;
mod person;
mod platform;
mod release;
mod request;
mod series;
mod sync;
mod tenant;
mod ticket;
mod zero;

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::tenant::Scope;
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, Connection as _, Executor as _, SqlSafeStr as _};
use tokio::sync::Mutex;

use crate::dialect::Dialect;

pub use crate::account::{Account, AccountSummary, TokenRow};
pub use crate::alert::AlertRow;
pub use crate::artifact::Artifact;
pub use crate::audit::{AUDIT_PAGE_MAX, AuditPage};
pub use crate::backup::Shape;
pub use crate::ceiling::{CeilingRow, Plan};
pub use crate::connection::Connection;
pub use crate::cost::{Signal, SignalRow};
pub use crate::counts::Counts;
pub use crate::device::{CertificateRow, DeviceName};
pub use crate::error::{Result, StoreError};
pub use crate::finding::{FINDINGS_MAX, FORGOTTEN_AT_ONCE, FindingRow, RunStateRow};
pub use crate::instruction::StoredSet;
pub use crate::job::Job;
pub use crate::listed::{After, LIST_MAX, Listed};
pub use crate::note::NoteRow;
pub use crate::objects::{Objects, ObjectsConfig};
pub use crate::release::Release;
pub use crate::request::{ExecutionRow, RequestRow};
pub use crate::series::{DropRow, NewSample, SERIES_LIST_MAX, SeriesRow};
pub use crate::sync::{ConnectionSync, TicketSync};
pub use crate::tenant::Publisher;
pub use crate::ticket::TicketRow;
pub use crate::transaction::Tx;
pub use crate::zero::{EnrolOutcome, Zero};

/// How long anybody waits for a connection or for the turn to write.
const WAIT_MAX: Duration = Duration::from_secs(5);

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "people", include_str!("../migrations/0001_people.sql")),
    (2, "devices", include_str!("../migrations/0002_devices.sql")),
    (3, "accessories", include_str!("../migrations/0003_accessories.sql")),
    (4, "tickets", include_str!("../migrations/0004_tickets.sql")),
    (5, "people", include_str!("../migrations/0005_people.sql")),
    (6, "device_life", include_str!("../migrations/0006_device_life.sql")),
    (8, "sync", include_str!("../migrations/0008_sync.sql")),
    (9, "series", include_str!("../migrations/0009_series.sql")),
    (10, "life", include_str!("../migrations/0010_life.sql")),
    (11, "requests", include_str!("../migrations/0011_requests.sql")),
    (12, "result_keys", include_str!("../migrations/0012_result_keys.sql")),
    (13, "lists", include_str!("../migrations/0013_lists.sql")),
    (14, "costs", include_str!("../migrations/0014_costs.sql")),
    (15, "ceilings", include_str!("../migrations/0015_ceilings.sql")),
    (16, "artifacts", include_str!("../migrations/0016_artifacts.sql")),
    (18, "warm", include_str!("../migrations/0018_warm.sql")),
];

/// The store. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
    dialect: Dialect,
    objects: Objects,
    /// SQLite has one writer at a time; within one process they queue here, in order, instead of polling the file.
    writer: Arc<Mutex<()>>,
}

impl Store {
    /// Opens a database such as `sqlite:///var/lib/fitment/db.sqlite` or `postgres://…` and brings it up to date.
    pub async fn open(url: &str, objects: ObjectsConfig) -> Result<Self> {
        let dialect = Dialect::of(url)?;
        let store = Self::connect(&dialect.connect_url(url), dialect, &objects).await?;
        migrate(&store.pool, dialect).await?;
        Ok(store)
    }

    /// Opens a database that is there, and leaves it as it is: one of another version is refused. Whoever serves it meanwhile
    /// does not notice.
    pub async fn open_as_it_is(url: &str, objects: ObjectsConfig) -> Result<Self> {
        let store = Self::connect(url, Dialect::of(url)?, &objects).await?;
        let found = store.read(Scope::Platform).await?.schema_version().await?;
        let own = MIGRATIONS.last().map_or(0, |(version, _, _)| *version);
        if found == own { Ok(store) } else { Err(StoreError::Version { found, own }) }
    }

    async fn connect(url: &str, dialect: Dialect, objects: &ObjectsConfig) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let objects = Objects::open(objects)?;
        let pool = AnyPoolOptions::new()
            .max_connections(dialect.connections_max())
            .acquire_timeout(WAIT_MAX)
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(sqlx::raw_sql(dialect.on_connect())).await.map(|_| ()) })
            })
            // SQLite itself takes a transaction back when the disk is full; the driver does not notice, and would refuse
            // every later transaction on that connection.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect(url)
            .await?;
        Ok(Self { pool, dialect, objects, writer: Arc::new(Mutex::new(())) })
    }

    /// Begins a transaction that writes. Dropping it takes back what it did.
    ///
    /// Nobody else writes for the same tenant meanwhile: never wait for the network while it is open.
    pub async fn begin(&self, scope: Scope) -> Result<Tx> {
        let turn = match self.dialect {
            Dialect::Sqlite => {
                let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.writer).lock_owned()).await;
                Some(turn.map_err(|_| StoreError::Unavailable("another transaction writes for too long".to_owned()))?)
            }
            Dialect::Postgres => None,
        };
        Tx::begin(&self.pool, self.dialect, scope, true, turn).await
    }

    /// Begins a transaction that only reads, and sees one state of the database from start to end.
    pub async fn read(&self, scope: Scope) -> Result<Tx> {
        Tx::begin(&self.pool, self.dialect, scope, false, None).await
    }

    /// Writes a value, reads it back and commits: the database works.
    pub async fn ping(&self) -> Result<()> {
        const KEY: &str = "ping";
        let mut tx = self.begin(Scope::Platform).await?;
        let last = tx.platform_value(KEY).await?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let next = last.wrapping_add(1).to_string();
        tx.put_platform_value(KEY, &next).await?;
        if tx.platform_value(KEY).await?.as_deref() != Some(next.as_str()) {
            return Err(StoreError::Unavailable("a value that was just written did not read back".to_owned()));
        }
        tx.commit().await
    }

    /// Returns whether row-level security binds the role that this store signed in with: a superuser or a role with BYPASSRLS
    /// passes every policy in silence. SQLite has no such lock, and so nothing that a role could switch off.
    pub async fn row_level_security_binds(&self) -> Result<bool> {
        let Some(sql) = self.dialect.powers() else { return Ok(true) };
        let powers: i64 = sqlx::query_scalar(sql).fetch_one(&self.pool).await?;
        Ok(powers == 0)
    }

    /// Returns the object store.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Returns how many connections are open, and how many of these nobody uses.
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }

    /// Waits until every connection is closed; for an orderly end.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn migrate(pool: &AnyPool, dialect: Dialect) -> Result<()> {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect()).run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(inner) => inner.into(),
        other => StoreError::Sql(format!("the database does not fit this version of the program: {other}")),
    })?;
    pool.execute(sqlx::raw_sql(dialect.after_migrations())).await?;
    Ok(())
}
