//! What one run was started with.

use serde::de::DeserializeOwned;

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::{clock, run_context};

/// The run that is going on: its configuration, its parameters and its time.
#[derive(Debug)]
pub struct Context(());

impl Context {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Reads the installation's configuration; the fault names the field that does not fit.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        parse("configuration", &run_context::config())
    }

    /// Reads what the requester passed for this run alone; scheduled runs have `{}`.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        parse("parameters", &run_context::parameters())
    }

    /// Returns the milliseconds left before this run is ended.
    pub fn remaining_ms(&self) -> u32 {
        run_context::remaining_ms()
    }

    /// Returns the milliseconds since 1970-01-01 UTC, as the host corrects its clock.
    pub fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    /// Returns the nanoseconds of a clock that never goes back, coarsened to one millisecond.
    pub fn monotonic_ns(&self) -> u64 {
        clock::monotonic_ns()
    }
}

fn parse<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| {
        let field = last_key(before(text, error.line(), error.column()));
        Fault::Invalid(match field {
            Some(field) => format!("{what}: at `{field}`: {error}"),
            None => format!("{what}: {error}"),
        })
    })
}

/// The text before a position that serde_json counts in lines and bytes from 1.
fn before(text: &str, line: usize, column: usize) -> &str {
    let line_start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    text.get(..line_start.saturating_add(column)).unwrap_or(text)
}

/// The last object key in a piece of JSON: serde_json says where it stumbled, but not over which field.
fn last_key(json: &str) -> Option<&str> {
    let (mut key, mut string, mut start, mut escaped) = (None, None, None, false);
    for (at, byte) in json.bytes().enumerate() {
        match (start, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') => {
                string = json.get(from..at);
                start = None;
            }
            (Some(_), _) => {}
            (None, b'"') => start = Some(at + 1),
            (None, b':') => key = string,
            (None, _) => {}
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Config {
        #[expect(dead_code, reason = "only its type matters")]
        limit: f64,
    }

    fn fault(text: &str) -> String {
        match parse::<Config>("configuration", text) {
            Err(Fault::Invalid(message)) => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        let message = fault("{\"other\": \"a\\\":b\",\n \"limit\": \"high\"}");
        assert!(message.starts_with("configuration: at `limit`: invalid type: string \"high\""), "{message}");
    }

    #[test]
    fn a_missing_field_is_named() {
        assert!(fault("{}").contains("missing field `limit`"));
    }
}
