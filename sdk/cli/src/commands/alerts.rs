//! `fitment alerts`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::Part;
use crate::reference::{DEVICES, Directory, INSTALLATIONS};
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("ID", |a| text(a, "id")),
    ("STATE", |a| if a["stale"] == true { "stale".to_owned() } else { text(a, "state") }),
    ("HEALTH", |a| text(a, "health")),
    ("DEVICE", |a| text(a, "device")),
    ("ACCESSORY", |a| text(a, "installation")),
    ("CONDITION", |a| text(a, "condition")),
    ("SUBJECT", |a| text(a, "subject")),
    ("COUNT", |a| text(a, "occurrences")),
    ("OPENED", |a| age(a, "opened_ms")),
    ("LAST SEEN", |a| age(a, "last_seen_ms")),
    ("SUMMARY", |a| text(a, "summary")),
    ("CLOSED BECAUSE", |a| text(a, "closed_because")),
];

const NAMES: &[(&str, &Directory)] = &[("device", &DEVICES), ("installation", &INSTALLATIONS)];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List(Part),
    /// Close one by hand, and its ticket
    Close {
        id: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
}

/// Lists or closes alerts.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Close { id, reason }) = command {
        let answer = api.post(&["alerts", id, "close"], &json!({ "reason": reason })).await?;
        return context.print_named(&api, answer, NAMES).await;
    }
    let query = if let Some(Command::List(part)) = command { part.query() } else { Vec::new() };
    let mut answer = api.get(&["alerts"], &query).await?;
    context.put_names(&api, &mut answer["alerts"], NAMES).await?;
    context.print_list(&answer, "alerts", COLUMNS, "no alerts");
    Ok(())
}
