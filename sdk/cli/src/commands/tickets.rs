//! `fitment tickets`

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Column, text};

const COLUMNS: &[Column] = &[
    ("NUMBER", |t| text(t, "number")),
    ("STATE", |t| text(t, "state")),
    ("CATEGORY", |t| text(t, "category")),
    ("BOARD", |t| text(t, "board")),
    ("COUNT", |t| text(t, "occurrences")),
    ("THERE", |t| text(t, "external_number")),
    ("STATUS", |t| text(t, "external_status")),
    ("URL", |t| text(t, "external_url")),
    ("SUMMARY", |t| text(t, "summary")),
    ("PROBLEM", |t| text(t, "problem")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Show one
    Show { id: String },
}

/// Lists tickets or shows one.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Show { id }) = command {
        context.print_record(&api.get(&["tickets", id], &[]).await?);
        return Ok(());
    }
    context.print_list(&api.get(&["tickets"], &[]).await?, "tickets", COLUMNS, "no tickets");
    Ok(())
}
