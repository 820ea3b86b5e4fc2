//! `fitment clients`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::table::{Column, text};

const COLUMNS: &[Column] = &[("ID", |c| text(c, "id")), ("NAME", |c| text(c, "name"))];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Add one
    Add { name: String },
}

/// Lists or adds clients.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Add { name }) = command {
        let answer = api.post(&["clients"], &json!({ "name": name })).await?;
        context.print_record(&answer);
        return Ok(());
    }
    context.print_list(&api.get(&["clients"], &[]).await?, "clients", COLUMNS, "no clients");
    Ok(())
}
