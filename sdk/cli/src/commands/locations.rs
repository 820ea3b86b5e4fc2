//! `fitment locations`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{CLIENTS, LOCATIONS};
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
    /// Show its networks, or replace them: devices with an address in one of them stand there
    Networks {
        /// The location: id or name
        location: String,
        /// Such as 10.1.2.0/24,2001:db8:7::/48
        #[arg(long, value_delimiter = ',', value_name = "NETWORKS", conflicts_with = "none")]
        set: Vec<String>,
        /// Take all of them away
        #[arg(long)]
        none: bool,
    },
}

/// Lists or adds locations, or sets their networks.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Add { name, client }) = command {
        let client = CLIENTS.id(&api, client).await?;
        let answer = api.post(&["locations"], &json!({ "name": name, "client": client })).await?;
        return context.print_named(&api, answer, &[("client", &CLIENTS)]).await;
    }
    if let Some(Command::Networks { location, set, none }) = command {
        let id = LOCATIONS.id(&api, location).await?;
        let answer = if *none || !set.is_empty() {
            api.put(&["locations", &id, "networks"], &json!({ "networks": set })).await?
        } else {
            api.get(&["locations", &id, "networks"], &[]).await?
        };
        context.print_record(&answer);
        return Ok(());
    }
    let mut answer = api.get(&["locations"], &[]).await?;
    context.put_names(&api, &mut answer["locations"], &[("client", &CLIENTS)]).await?;
    context.print_list(&answer, "locations", COLUMNS, "no locations");
    Ok(())
}
