//! `fitment locations`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::CLIENTS;
use crate::table::{Column, text};

const COLUMNS: &[Column] =
    &[("ID", |l| text(l, "id")), ("CLIENT", |l| text(l, "client")), ("NAME", |l| text(l, "name"))];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Add one
    Add {
        name: String,
        /// The client that it belongs to: id or name
        #[arg(long)]
        client: String,
    },
}

/// Lists or adds locations.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Add { name, client }) = command {
        let client = CLIENTS.id(&api, client).await?;
        let answer = api.post(&["locations"], &json!({ "name": name, "client": client })).await?;
        context.print_record(&answer);
        return Ok(());
    }
    context.print_list(&api.get(&["locations"], &[]).await?, "locations", COLUMNS, "no locations");
    Ok(())
}
