//! Devices from a table: one a line, the first line names the columns.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::device::fact::{Shape, described};
use crate::device::{Facts, fact};
use crate::run::Fact;
use crate::tenant::check_display_name;

/// The most devices of one import.
pub const LINES_MAX: usize = 5_000;

/// A device as a line of a table describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// As a text editor counts: the first line names the columns.
    pub number: u64,
    pub name: String,
    /// A client by its name; empty where the table has no such column.
    pub client: String,
    /// A location of the client by its name.
    pub location: String,
    pub facts: Facts,
}

/// Why a line of the table is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadLine {
    pub line: u64,
    /// The column.
    pub field: String,
    pub problem: String,
}

/// Why no line of the table is looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTable {
    #[error("the first line must name the columns: name, and perhaps client, location and facts such as serial")]
    NoHeadings,
    #[error("column {0:?} stands there twice")]
    Twice(String),
    #[error(
        "column {0:?} is neither name, client nor location, nor can a fact be called so: a-z, 0-9, dots and hyphens"
    )]
    Column(String),
    #[error("{0} lines, at most {LINES_MAX}: split the table")]
    TooLong(usize),
    #[error("line {line}: {problem}")]
    Csv { line: u64, problem: String },
}

/// Reads a table: comma-separated, with quotes as in RFC 4180.
pub fn read(text: &str) -> Result<(Vec<Line>, Vec<BadLine>), BadTable> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(text.as_bytes());
    let malformed = |error: &csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        BadTable::Csv { line, problem: error.to_string() }
    };
    let columns: Vec<String> =
        reader.headers().map_err(|e| malformed(&e))?.iter().map(|heading| heading.to_ascii_lowercase()).collect();
    check_columns(&columns)?;
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|e| malformed(&e))?;
        if lines.len() + bad.len() >= LINES_MAX {
            return Err(BadTable::TooLong(text.lines().count()));
        }
        let number = record.position().map_or(0, csv::Position::line);
        if record.len() > columns.len() {
            let problem = format!("{} values for {} columns", record.len(), columns.len());
            bad.push(BadLine { line: number, field: String::new(), problem });
            continue;
        }
        match line(number, &columns, &record) {
            Ok(line) => lines.push(line),
            Err((field, problem)) => bad.push(BadLine { line: number, field, problem }),
        }
    }
    Ok((lines, bad))
}

fn check_columns(columns: &[String]) -> Result<(), BadTable> {
    if !columns.iter().any(|column| column == "name") {
        return Err(BadTable::NoHeadings);
    }
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].contains(column) {
            return Err(BadTable::Twice(column.clone()));
        }
        let sample = Facts(BTreeMap::from([(column.clone(), Fact::Flag(true))]));
        if sample.check().is_err() {
            return Err(BadTable::Column(column.chars().take(80).collect()));
        }
    }
    Ok(())
}

fn line(number: u64, columns: &[String], record: &csv::StringRecord) -> Result<Line, (String, String)> {
    let mut line =
        Line { number, name: String::new(), client: String::new(), location: String::new(), facts: Facts::default() };
    for (column, value) in columns.iter().zip(record.iter()).filter(|(_, value)| !value.is_empty()) {
        match column.as_str() {
            "name" => value.clone_into(&mut line.name),
            "client" => value.clone_into(&mut line.client),
            "location" => value.clone_into(&mut line.location),
            name => {
                let fact = fact_of(name, value).map_err(|problem| (name.to_owned(), problem))?;
                line.facts.0.insert(name.to_owned(), fact);
            }
        }
    }
    check_display_name("name", &line.name).map_err(|e| ("name".to_owned(), e.to_string()))?;
    line.facts.check().map_err(|e| ("facts".to_owned(), e.to_string()))?;
    Ok(line)
}

/// Reads a fact as people write it: by the shape of its name, or as text.
pub fn fact_of(name: &str, value: &str) -> Result<Fact, String> {
    match described(name).map(|fact| fact.shape) {
        Some(Shape::Number) => match value.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Fact::Number(number)),
            _ => Err(format!("{value:?} is no number")),
        },
        Some(Shape::Flag) => match value {
            "true" | "yes" => Ok(Fact::Flag(true)),
            "false" | "no" => Ok(Fact::Flag(false)),
            _ => Err(format!("{value:?} is neither true nor false")),
        },
        Some(Shape::Many) => {
            Ok(Fact::Many(value.split([' ', ';', ',']).filter(|v| !v.is_empty()).map(str::to_owned).collect()))
        }
        // A location by that name is the table's own column.
        Some(Shape::Text) | None if name != fact::LOCATION => Ok(Fact::Text(value.to_owned())),
        Some(Shape::Text) | None => Err("is a column of its own".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines_are_read_and_bad_ones_say_why() {
        let text = "\u{feff}Name,client,location,serial,memory.bytes\n\
                    till-1, Bakery,Shop,CZC1,1024\n,Bakery,Shop,CZC2,\n\"till, 3\",Bakery,Shop,,much\ntill-4\na,b,c,d,5,6\n";
        let (lines, bad) = read(text).unwrap();
        assert_eq!(
            lines.iter().map(|l| (l.number, l.name.as_str())).collect::<Vec<_>>(),
            [(2, "till-1"), (5, "till-4")]
        );
        assert_eq!((lines[0].client.as_str(), lines[0].facts.text("serial")), ("Bakery", Some("CZC1")));
        let said: Vec<(u64, &str)> = bad.iter().map(|b| (b.line, b.field.as_str())).collect();
        assert_eq!(said, [(3, "name"), (4, "memory.bytes"), (6, "")]);
    }

    #[test]
    fn a_table_without_headings_is_refused_as_a_whole() {
        assert_eq!(read("till-1,Bakery\n").unwrap_err(), BadTable::NoHeadings);
        assert_eq!(read("name,serial,serial\n").unwrap_err(), BadTable::Twice("serial".to_owned()));
        assert_eq!(read("name,Serial No\n").unwrap_err(), BadTable::Column("serial no".to_owned()));
    }
}
