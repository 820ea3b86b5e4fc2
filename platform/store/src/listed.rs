//! Lists that are read a part at a time: where a part ends, and where the next one begins.

use sqlx::any::AnyRow;

use crate::Result;
use crate::row::Row;
use crate::transaction::Statement;

/// The most rows of one part of a list.
pub const LIST_MAX: usize = 500;

/// A place in a list: behind the row of this rank, place and id. Rows are in the order of their rank, within it the largest
/// place first, within that by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    rank: i64,
    place: i64,
    id: String,
}

impl After {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, '.');
        let (rank, place, id) = (words.next()?, words.next()?, words.next()?);
        Some(Self { rank: rank.parse().ok()?, place: place.parse().ok()?, id: id.to_owned() })
    }
}

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.rank, self.place, self.id)
    }
}

/// A part of a list, and where it goes on; nowhere if this is its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    pub rows: Vec<T>,
    pub next: Option<After>,
}

impl<T> Listed<T> {
    /// Reads the rows that a statement of `part_of_list!` gave: one more than a part holds says that there are more.
    pub(crate) fn read(table: &'static str, rows: &[AnyRow], read: impl Fn(&Row<'_>) -> Result<T>) -> Result<Self> {
        let kept = rows.get(..LIST_MAX).unwrap_or(rows);
        let next = match kept.last().filter(|_| rows.len() > LIST_MAX) {
            Some(row) => {
                let row = Row::of(table, row);
                Some(After { rank: row.int("rank")?, place: row.int("place")?, id: row.text("id")? })
            }
            None => None,
        };
        let rows: Result<Vec<T>> = kept.iter().map(|row| read(&Row::of(table, row))).collect();
        Ok(Self { rows: rows?, next })
    }
}

/// Makes a statement that reads a part of a list, from one that selects its rows with a `rank`, a `place` and an `id`. Its values
/// $5, $6 and $7 are those of `from`.
macro_rules! part_of_list {
    ($($selected:expr),+ $(,)?) => {
        concat!("select * from (", $($selected),+, ") as listed where rank > $5 or (rank = $5 and \
                 (place < $6 or (place = $6 and id > $7))) order by rank, place desc, id limit 501")
    };
}
pub(crate) use part_of_list;

/// Binds where a part begins: at the beginning of the list, or after a row.
pub(crate) fn from<'q>(statement: Statement<'q>, after: Option<&After>) -> Statement<'q> {
    let (rank, place, id) = after.map_or((-1, 0, String::new()), |after| (after.rank, after.place, after.id.clone()));
    statement.bind(rank).bind(place).bind(id)
}
