//! Every row of every table, in one state of the database, and back again. The same text for both databases: what was written
//! by one is read by the other.

use futures_util::TryStreamExt as _;
use serde_json::Value;
use sqlx::{Executor as _, query};

use crate::many::{Name, every_row, new_rows, no_row};
use crate::row::Row;
use crate::transaction::Statement;
use crate::{Result, StoreError, Tx};

/// Rows of one statement.
const ROWS_MAX: usize = 200;
/// Tables in which nothing is if nobody ever used a database.
const EMPTY: [&str; 4] = ["accounts", "tenants", "publishers", "audit_entries"];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Float,
    Bytes,
}

/// A table and its columns, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    table: Name,
    columns: Vec<(Name, Kind)>,
}

impl Shape {
    /// Returns the name of the table.
    pub fn table(&self) -> &str {
        self.table.as_str()
    }

    /// Returns the names of the columns.
    pub fn columns(&self) -> Vec<&str> {
        self.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn names(&self) -> Vec<&Name> {
        self.columns.iter().map(|(name, _)| name).collect()
    }
}

fn mismatch(table: &str, what: &str) -> StoreError {
    StoreError::Sql(format!("table {table}: {what} of the backup does not fit this version of the program"))
}

/// A value as JSON: bytes and fractions are wrapped, so that they come back bit for bit.
fn to_json(row: &sqlx::any::AnyRow, column: &str, kind: Kind) -> std::result::Result<Value, sqlx::Error> {
    use sqlx::Row as _;
    Ok(match kind {
        Kind::Text => row.try_get::<Option<String>, _>(column)?.map_or(Value::Null, Value::String),
        Kind::Int => row.try_get::<Option<i64>, _>(column)?.map_or(Value::Null, Value::from),
        Kind::Float => row
            .try_get::<Option<f64>, _>(column)?
            .map_or(Value::Null, |v| serde_json::json!({ "f": format!("{:016x}", v.to_bits()) })),
        Kind::Bytes => row
            .try_get::<Option<Vec<u8>>, _>(column)?
            .map_or(Value::Null, |v| serde_json::json!({ "b": hex::encode(v) })),
    })
}

fn bound<'q>(statement: Statement<'q>, kind: Kind, value: &Value) -> Option<Statement<'q>> {
    let wrapped = |name: &str| value.get(name).and_then(Value::as_str);
    Some(match kind {
        _ if value.is_null() => match kind {
            Kind::Text => statement.bind(None::<String>),
            Kind::Int => statement.bind(None::<i64>),
            Kind::Float => statement.bind(None::<f64>),
            Kind::Bytes => statement.bind(None::<Vec<u8>>),
        },
        Kind::Text => statement.bind(value.as_str()?.to_owned()),
        Kind::Int => statement.bind(value.as_i64()?),
        Kind::Float => statement.bind(f64::from_bits(u64::from_str_radix(wrapped("f")?, 16).ok()?)),
        Kind::Bytes => statement.bind(hex::decode(wrapped("b")?).ok()?),
    })
}

impl Tx {
    /// Returns every table of this version.
    pub async fn shapes(&mut self) -> Result<Vec<Shape>> {
        self.platform()?;
        let mut shapes: Vec<Shape> = Vec::new();
        for row in self.rows(query(self.dialect().columns())).await? {
            let row = Row::of("columns", &row);
            let name = |text: String| Name::parse(text.clone()).ok_or_else(|| mismatch(&text, "the name"));
            let (table, column) = (name(row.text("table_name")?)?, name(row.text("column_name")?)?);
            let kind = match row.text("kind")?.to_ascii_lowercase().as_str() {
                "text" => Kind::Text,
                "bigint" => Kind::Int,
                "double precision" => Kind::Float,
                "bytea" => Kind::Bytes,
                _ => return Err(mismatch(table.as_str(), "a column")),
            };
            match shapes.last_mut().filter(|shape| shape.table == table) {
                Some(shape) => shape.columns.push((column, kind)),
                None => shapes.push(Shape { table, columns: vec![(column, kind)] }),
            }
        }
        Ok(shapes)
    }

    /// Hands out every row of a table, one after the other, each as a list of JSON values in the order of its columns.
    pub async fn dump_rows(&mut self, shape: &Shape, mut each: impl FnMut(Value) -> Result<()> + Send) -> Result<()> {
        self.platform()?;
        let dialect = self.dialect();
        let inner = self.wire();
        inner.execute(sqlx::raw_sql(dialect.without_time_limit())).await?;
        let mut rows = every_row(&shape.table, &shape.names()).fetch(inner);
        while let Some(row) = rows.try_next().await? {
            let values: std::result::Result<Vec<Value>, sqlx::Error> =
                shape.columns.iter().map(|(name, kind)| to_json(&row, name.as_str(), *kind)).collect();
            each(Value::Array(values?))?;
        }
        Ok(())
    }

    /// Returns whether nobody ever used this database.
    pub async fn is_unused(&mut self) -> Result<bool> {
        self.platform()?;
        let sql = "select (select count(*) from accounts) + (select count(*) from tenants) \
                   + (select count(*) from publishers) + (select count(*) from audit_entries) as found";
        let found = self.row(query(sql)).await?;
        Ok(found.map_or(Ok(0), |row| Row::of("tables", &row).int("found"))? == 0)
    }

    /// Makes an unused database ready for rows in any order: what the migrations put there goes, and references are looked at
    /// in the end.
    pub async fn begin_load(&mut self, shapes: &[Shape]) -> Result<()> {
        self.platform()?;
        if !self.is_unused().await? {
            return Err(StoreError::Conflict { constraint: "this database".to_owned() });
        }
        let later = self.dialect().references_later();
        self.wire().execute(sqlx::raw_sql(later)).await?;
        for shape in shapes.iter().filter(|shape| !EMPTY.contains(&shape.table())) {
            self.execute(no_row(&shape.table)).await?;
        }
        Ok(())
    }

    /// Writes rows as `dump_rows` gave them.
    pub async fn load_rows(&mut self, shape: &Shape, rows: &[Value]) -> Result<()> {
        self.platform()?;
        let columns = shape.columns.len();
        for part in rows.chunks(ROWS_MAX) {
            let mut statement = new_rows(&shape.table, &shape.names(), part.len());
            for row in part {
                let values = row.as_array().filter(|values| values.len() == columns);
                let values = values.ok_or_else(|| mismatch(shape.table(), "a row"))?;
                for ((_, kind), value) in shape.columns.iter().zip(values) {
                    statement = bound(statement, *kind, value).ok_or_else(|| mismatch(shape.table(), "a value"))?;
                }
            }
            self.execute(statement).await?;
        }
        Ok(())
    }

    /// Looks at the references of all that was loaded.
    pub async fn end_load(&mut self) -> Result<()> {
        self.platform()?;
        let now = self.dialect().references_now();
        self.wire().execute(sqlx::raw_sql(now)).await?;
        Ok(())
    }

    /// Returns the newest migration of this database.
    pub async fn schema_version(&mut self) -> Result<i64> {
        self.platform()?;
        let found = self.row(query("select max(version) as version from _sqlx_migrations")).await?;
        found.map_or(Ok(0), |row| Row::of("_sqlx_migrations", &row).int("version"))
    }
}
