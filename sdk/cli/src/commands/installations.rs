//! `fitment installations`

use serde_json::{Value, json};

use super::install::every;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("ID", |i| text(i, "id")),
    ("ACCESSORY", |i| format!("{}@{}", text(i, "accessory"), text(i, "version"))),
    ("TARGET", target),
    ("EVERY", every),
    ("INSTALLED", |i| age(i, "installed_ms")),
];

fn target(installation: &Value) -> String {
    match installation["target"].as_object().and_then(|target| target.iter().next()) {
        Some((kind, id)) => format!("{kind} {}", id.as_str().unwrap_or_default()),
        None => text(installation, "target"),
    }
}

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Remove one; its history stays
    Remove { id: String },
}

/// Lists or removes installations.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Remove { id }) = command {
        api.delete(&["installations", id]).await?;
        context.print_done(&json!({ "id": id }), &format!("{id} is removed"));
        return Ok(());
    }
    context.print_list(&api.get(&["installations"], &[]).await?, "installations", COLUMNS, "no installations");
    Ok(())
}
