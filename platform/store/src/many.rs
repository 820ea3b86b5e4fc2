//! Many rows with one statement: the only place where SQL is put together, of fixed texts and numbered placeholders. A value never
//! gets into it.

use sqlx::query;

use crate::transaction::Statement;

/// Makes a statement of a fixed beginning, placeholders for so many rows, and a fixed end. `taken` placeholders stand in the
/// beginning already: `($3, $4), ($5, $6)`.
pub(crate) fn many<'q>(
    beginning: &'static str,
    (rows, columns, taken): (usize, usize, usize),
    end: &'static str,
) -> Statement<'q> {
    query(sqlx::AssertSqlSafe(format!("{beginning} {} {end}", placeholders(rows, columns, taken))))
}

fn placeholders(rows: usize, columns: usize, taken: usize) -> String {
    let row = |row: usize| {
        let numbers = (1..=columns).map(|column| format!("${}", taken + row * columns + column));
        let numbers = numbers.collect::<Vec<_>>().join(", ");
        // A list of single values needs no rows.
        if columns == 1 { numbers } else { format!("({numbers})") }
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// The name of a table or a column, as the database itself lists it: letters, digits and underscores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn parse(text: String) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        (plain && !text.is_empty()).then_some(Self(text))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn list(columns: &[&Name]) -> String {
    columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(", ")
}

/// Makes the statement that reads these columns of every row.
pub(crate) fn every_row<'q>(table: &Name, columns: &[&Name]) -> Statement<'q> {
    query(sqlx::AssertSqlSafe(format!("select {} from {}", list(columns), table.0)))
}

/// Makes the statement that writes so many rows.
pub(crate) fn new_rows<'q>(table: &Name, columns: &[&Name], rows: usize) -> Statement<'q> {
    let places = placeholders(rows, columns.len(), 0);
    // One column alone would be a list of values, not of rows.
    let places = if columns.len() == 1 { format!("({})", places.replace(", ", "), (")) } else { places };
    query(sqlx::AssertSqlSafe(format!("insert into {} ({}) values {places}", table.0, list(columns))))
}

/// Makes the statement that empties a table.
pub(crate) fn no_row<'q>(table: &Name) -> Statement<'q> {
    query(sqlx::AssertSqlSafe(format!("delete from {}", table.0)))
}
