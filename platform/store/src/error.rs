//! Why the store could not do what was asked.

/// The result of a store function. Absence is `Ok(None)`, never an error.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Why the store could not do what was asked. After any of these a transaction is good for nothing but being dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Something with this key is there already.
    #[error("{constraint} is taken")]
    Conflict { constraint: String },
    /// What a row refers to is not there any more, or what is removed is still referred to: somebody else changed it meanwhile.
    #[error("what this refers to was changed meanwhile: {0}")]
    Dangling(String),
    /// The database cannot be reached, is busy or full: the same call may succeed later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A value in the database does not read back.
    #[error("{table}.{column} of row {row} does not read back")]
    Corrupt { table: &'static str, column: &'static str, row: String },
    /// A function was called in the wrong scope: a mistake in the program.
    #[error("this function works in scope {needed} only")]
    Scope { needed: &'static str },
    /// The caller is there for some clients only, and this concerns all of them.
    #[error("this concerns all clients")]
    AllClients,
    /// The database was made by an older or a newer program.
    #[error("the database is of version {found}, this program's is {own}: use the program that serves this database")]
    Version { found: i64, own: i64 },
    #[error("the database refused: {0}")]
    Sql(String),
    #[error("the object store failed: {0}")]
    Object(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Database(inner) => crate::dialect::classify(inner.as_ref()),
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::BeginFailed => {
                StoreError::Unavailable(error.to_string())
            }
            _ => StoreError::Sql(error.to_string()),
        }
    }
}

impl From<object_store::Error> for StoreError {
    fn from(error: object_store::Error) -> Self {
        StoreError::Object(error.to_string())
    }
}
