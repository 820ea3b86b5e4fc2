//! `fitment alerts`

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("ID", |a| text(a, "id")),
    ("STATE", |a| text(a, "state")),
    ("HEALTH", |a| text(a, "health")),
    ("DEVICE", |a| text(a, "device")),
    ("CONDITION", |a| text(a, "condition")),
    ("SUBJECT", |a| text(a, "subject")),
    ("COUNT", |a| text(a, "occurrences")),
    ("OPENED", |a| age(a, "opened_ms")),
    ("LAST SEEN", |a| age(a, "last_seen_ms")),
    ("SUMMARY", |a| text(a, "summary")),
];

/// Lists alerts.
pub async fn run(context: &Context) -> Result<(), Failure> {
    context.print_list(&context.api()?.get(&["alerts"], &[]).await?, "alerts", COLUMNS, "no alerts");
    Ok(())
}
