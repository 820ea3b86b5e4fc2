//! `fitment audit`

use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("NUMBER", |e| text(e, "sequence")),
    ("AT", |e| if e.get("at_ms").is_some() { age(e, "at_ms") } else { age(e, "at") }),
    ("WHO", |e| text(e, "actor")),
    ("DID", |e| text(e, "action")),
    ("TO", |e| text(e, "subject")),
    ("DETAILS", |e| text(e, "details")),
];

/// Lists the audit log, and fails if its chain of hashes is broken.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let answer = context.api()?.get(&["audit"], &[]).await?;
    context.print_list(&answer, "entries", COLUMNS, "no entries");
    if answer.get("intact").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Failure::refused("the chain of hashes is broken: an entry was changed or removed after it was written"))
}
