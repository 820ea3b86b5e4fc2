//! What commands print: aligned tables and records for people, JSON for programs.

use std::fmt::Display;
use std::io::{self, Write as _};

use fitment_domain::time::UnixMs;
use serde_json::Value;

use crate::clock;

/// A column: its heading, and what it shows of a row.
pub type Column = (&'static str, fn(&Value) -> String);

/// Prints a line. A reader that has gone away, such as `head`, is no error.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints the marketplace's own JSON.
pub fn json(value: &Value) {
    line(format_args!("{value:#}"));
}

/// Returns a member as text: what is absent is empty, and a path goes down by dots.
pub fn text(row: &Value, path: &str) -> String {
    cell(path.split('.').try_fold(row, |value, key| value.get(key)).unwrap_or(&Value::Null))
}

/// Returns a time member as its distance from now.
pub fn age(row: &Value, path: &str) -> String {
    row.get(path).and_then(Value::as_i64).map_or_else(String::new, |at| clock::distance(UnixMs(at), clock::now()))
}

/// Returns a fact of a device.
pub fn fact(row: &Value, name: &str) -> String {
    row.get("facts").and_then(|facts| facts.get(name)).map_or_else(String::new, fact_cell)
}

// A fact travels as its type and its value: {"text": "linux"}.
fn fact_cell(fact: &Value) -> String {
    match fact {
        Value::Object(tagged) if tagged.len() == 1 => tagged.values().next().map_or_else(String::new, cell),
        plain => cell(plain),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Object(members) if members.is_empty() => String::new(),
        // Facts travel as floating numbers, and most are counts.
        Value::Number(number) => match number.as_f64() {
            Some(whole) if number.is_f64() && whole.fract() == 0.0 => format!("{whole:.0}"),
            _ => number.to_string(),
        },
        Value::String(text) => clean(text),
        Value::Array(values) if values.iter().all(|v| !v.is_object() && !v.is_array()) => {
            values.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Takes out what would steer a terminal: names and summaries come from devices and from other people.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Prints rows under headings, or one sentence if there are none.
pub fn print(rows: &[Value], columns: &[Column], none: &str) {
    if rows.is_empty() {
        return line(none);
    }
    let mut cells: Vec<Vec<String>> = vec![columns.iter().map(|(heading, _)| (*heading).to_owned()).collect()];
    cells.extend(rows.iter().map(|row| columns.iter().map(|(_, show)| show(row)).collect()));
    let widths: Vec<usize> =
        (0..columns.len()).map(|i| cells.iter().map(|row| row[i].chars().count()).max().unwrap_or(0)).collect();
    for row in cells {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end());
    }
}

/// Prints one thing, a member a line; what is empty is left out.
pub fn record(value: &Value) {
    let Some(members) = value.as_object() else { return json(value) };
    let width = members.keys().map(|key| key.trim_end_matches("_ms").len()).max().unwrap_or(0);
    for (key, member) in members {
        let shown = match member {
            Value::Number(_) if key.ends_with("_ms") => age(value, key),
            Value::Object(facts) if key == "facts" => {
                facts.iter().map(|(name, fact)| format!("{name}={}", fact_cell(fact))).collect::<Vec<_>>().join(", ")
            }
            other => cell(other),
        };
        if !shown.is_empty() {
            line(format_args!("{:<width$}  {shown}", key.trim_end_matches("_ms")));
        }
    }
}

/// Returns the rows of an answer; empty if the member is absent.
pub fn rows<'a>(answer: &'a Value, member: &str) -> &'a [Value] {
    answer.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_never_steer_the_terminal() {
        assert_eq!(text(&json!({"name": "a\u{1b}[31mb\nc"}), "name"), "a [31mb c");
    }

    #[test]
    fn facts_show_their_value() {
        let row = json!({"facts": {"os.family": {"text": "linux"}, "cores": {"number": 2.0}, "load": {"number": 0.5}, "ips": {"many": ["a", "b"]}}});
        assert_eq!(fact(&row, "os.family"), "linux");
        assert_eq!(fact(&row, "ips"), "a, b");
        assert_eq!((fact(&row, "cores").as_str(), fact(&row, "load").as_str()), ("2", "0.5"));
        assert_eq!(fact(&row, "absent"), "");
    }
}
