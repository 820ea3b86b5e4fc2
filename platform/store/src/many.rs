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
