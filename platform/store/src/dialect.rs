//! All that differs between SQLite and PostgreSQL. Everything else is one SQL text for both.

use sqlx::error::{DatabaseError, ErrorKind};

use crate::StoreError;

/// The database behind a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// The statement that leases due jobs that a condition allows: now `$1`, until `$2`, at most `$3`.
macro_rules! claim_jobs {
    ($condition:expr, $lock:literal) => {
        concat!(
            "update jobs set leased_until = $2 where id in (\
               select id from jobs j where due <= $1 and (leased_until is null or leased_until <= $1) and ",
            $condition,
            " order by due, id limit $3 ",
            $lock,
            ") returning id, owner, kind, subject, due, leased_until, generation, attempts, problem, lane"
        )
    };
}

/// No other job of the lane is leased or comes first. Whoever races for a lane on PostgreSQL finds the row locked or leased.
macro_rules! first_of_a_free_lane {
    () => {
        "lane is not null and not exists (select 1 from jobs o where o.lane = j.lane and o.id <> j.id and (\
           o.leased_until > $1 or (o.due <= $1 and (o.due < j.due or (o.due = j.due and o.id < j.id)))))"
    };
}

impl Dialect {
    /// Reads the dialect from a URL.
    pub(crate) fn of(url: &str) -> Result<Self, StoreError> {
        match url.split(':').next() {
            Some("sqlite") => Ok(Dialect::Sqlite),
            Some("postgres" | "postgresql") => Ok(Dialect::Postgres),
            _ => Err(StoreError::Sql("the database URL must start with sqlite: or postgres:".to_owned())),
        }
    }

    /// Returns the URL to connect to; a SQLite file that is missing is made.
    pub(crate) fn connect_url(self, url: &str) -> String {
        match self {
            Dialect::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            Dialect::Sqlite | Dialect::Postgres => url.to_owned(),
        }
    }

    /// Returns how many connections one store holds at most.
    pub(crate) const fn connections_max(self) -> u32 {
        match self {
            Dialect::Sqlite => 8,
            Dialect::Postgres => 16,
        }
    }

    /// Returns what every new connection is told. Nobody waits for a lock longer than five seconds, and no statement runs for
    /// longer than thirty.
    pub(crate) const fn on_connect(self) -> &'static str {
        match self {
            Dialect::Sqlite => {
                "pragma busy_timeout = 5000; pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on;"
            }
            Dialect::Postgres => {
                "set lock_timeout = '5s'; set statement_timeout = '30s'; set idle_in_transaction_session_timeout = '60s';"
            }
        }
    }

    /// Returns what runs after the migrations: the locks that only this database has.
    pub(crate) const fn after_migrations(self) -> &'static str {
        match self {
            Dialect::Sqlite => include_str!("../dialect/sqlite.sql"),
            Dialect::Postgres => include_str!("../dialect/postgres.sql"),
        }
    }

    /// Returns the statement that counts the powers by which the role of this connection passes row-level security.
    pub(crate) const fn powers(self) -> Option<&'static str> {
        match self {
            Dialect::Sqlite => None,
            Dialect::Postgres => {
                Some("select count(*) from pg_roles where rolname = current_user and (rolsuper or rolbypassrls)")
            }
        }
    }

    /// Returns the statement that begins a transaction.
    pub(crate) const fn begin(self, writes: bool) -> &'static str {
        match (self, writes) {
            // A deferred transaction that starts to write may fail at once; an immediate one waits its turn.
            (Dialect::Sqlite, true) => "begin immediate",
            (Dialect::Sqlite, false) | (Dialect::Postgres, true) => "begin",
            (Dialect::Postgres, false) => "begin transaction isolation level repeatable read, read only",
        }
    }

    /// Returns the statement that tells row-level security the scope (`$1`) and whose rows these are (`$2`).
    ///
    /// `in_turn` also waits until no other transaction writes for that tenant: what one has read is still true when it
    /// writes, as it is on SQLite, where there is one writer at a time.
    pub(crate) const fn enter_scope(self, in_turn: bool) -> Option<&'static str> {
        match (self, in_turn) {
            (Dialect::Sqlite, _) => None,
            (Dialect::Postgres, false) => {
                Some("select set_config('fitment.scope', $1, true), set_config('fitment.tenant', $2, true)")
            }
            (Dialect::Postgres, true) => Some(
                "select set_config('fitment.scope', $1, true), set_config('fitment.tenant', $2, true), \
                 pg_advisory_xact_lock(hashtextextended($2, 0))",
            ),
        }
    }

    /// Returns the statement that leases due jobs in no lane: now `$1`, until `$2`, at most `$3`.
    pub(crate) const fn claim_jobs(self) -> &'static str {
        match self {
            Dialect::Sqlite => claim_jobs!("lane is null", ""),
            Dialect::Postgres => claim_jobs!("lane is null", "for update skip locked"),
        }
    }

    /// Returns the statement that leases due jobs in lanes, the first of each lane in which none is leased.
    pub(crate) const fn claim_jobs_in_lanes(self) -> &'static str {
        match self {
            Dialect::Sqlite => claim_jobs!(first_of_a_free_lane!(), ""),
            Dialect::Postgres => claim_jobs!(first_of_a_free_lane!(), "for update skip locked"),
        }
    }

    /// Returns the statement that lists every column of every table: its names and its type.
    pub(crate) const fn columns(self) -> &'static str {
        match self {
            Dialect::Sqlite => {
                "select m.name as table_name, p.name as column_name, p.type as kind from sqlite_master m \
                 join pragma_table_info(m.name) p where m.type = 'table' and m.name not like 'sqlite_%' \
                 and m.name <> '_sqlx_migrations' order by m.name, p.cid"
            }
            Dialect::Postgres => {
                "select table_name::text as table_name, column_name::text as column_name, data_type::text as kind \
                 from information_schema.columns where table_schema = current_schema() \
                 and table_name <> '_sqlx_migrations' order by table_name, ordinal_position"
            }
        }
    }

    /// Returns the statement that lifts, for one transaction, the limit on how long a statement may run.
    pub(crate) const fn without_time_limit(self) -> &'static str {
        match self {
            Dialect::Sqlite => "select 1",
            Dialect::Postgres => "set local statement_timeout = 0",
        }
    }

    /// Returns what makes references wait for the end of a transaction that loads rows in any order.
    pub(crate) const fn references_later(self) -> &'static str {
        match self {
            Dialect::Sqlite => "pragma defer_foreign_keys = on",
            Dialect::Postgres => {
                "set local statement_timeout = 0; do $$ declare c record; begin \
                 for c in select conrelid::regclass::text as t, conname from pg_constraint \
                   where contype = 'f' and connamespace = current_schema()::regnamespace loop \
                   execute format('alter table %s alter constraint %I deferrable initially deferred', c.t, c.conname); \
                 end loop; end $$"
            }
        }
    }

    /// Returns what looks at the references of all that was loaded, and makes them as strict as before. SQLite looks at commit.
    pub(crate) const fn references_now(self) -> &'static str {
        match self {
            Dialect::Sqlite => "select 1",
            Dialect::Postgres => {
                "set constraints all immediate; do $$ declare c record; begin \
                 for c in select conrelid::regclass::text as t, conname from pg_constraint \
                   where contype = 'f' and connamespace = current_schema()::regnamespace loop \
                   execute format('alter table %s alter constraint %I not deferrable', c.t, c.conname); \
                 end loop; end $$"
            }
        }
    }
}

/// Says what a database's error means to callers.
pub(crate) fn classify(error: &dyn DatabaseError) -> StoreError {
    if error.kind() == ErrorKind::UniqueViolation {
        let constraint = error.constraint().map_or_else(|| constraint_of_sqlite(error), str::to_owned);
        return StoreError::Conflict { constraint };
    }
    if error.kind() == ErrorKind::ForeignKeyViolation {
        return StoreError::Dangling(error.to_string());
    }
    let code = error.code().unwrap_or_default();
    let away = match code.parse::<i32>() {
        // SQLite: busy, locked, input/output, full, cannot open. Its extended codes keep the primary one in the low byte.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 10 | 13 | 14),
        // PostgreSQL: connection, resources, lock or statement timeout, shutdown, serialisation and deadlock.
        _ => ["08", "53", "55P03", "57", "40"].iter().any(|class| code.starts_with(class)),
    };
    if away { StoreError::Unavailable(error.to_string()) } else { StoreError::Sql(error.to_string()) }
}

/// SQLite names columns, PostgreSQL the constraint: "UNIQUE constraint failed: t.a, t.b" becomes `t_a_b_key`.
fn constraint_of_sqlite(error: &dyn DatabaseError) -> String {
    const PRIMARY_KEY: &str = "1555";
    let message = error.message();
    let columns = message.rsplit(": ").next().unwrap_or(message);
    let table = columns.split('.').next().unwrap_or(columns);
    if error.code().as_deref() == Some(PRIMARY_KEY) {
        return format!("{table}_pkey");
    }
    let names: Vec<&str> = columns.split(", ").filter_map(|column| column.split('.').nth(1)).collect();
    format!("{table}_{}_key", names.join("_"))
}
