//! `fitment connections`

use serde_json::{Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::AccessoryRef;
use crate::table::{Column, text};
use crate::{consent, settings};

const COLUMNS: &[Column] = &[
    ("ID", |c| text(c, "id")),
    ("NAME", |c| text(c, "name")),
    ("ACCESSORY", |c| format!("{}@{}", text(c, "accessory"), text(c, "version"))),
    ("URL", |c| text(c, "url")),
    ("STATE", |c| text(c, "state")),
    ("ACCOUNT", |c| text(c, "account")),
    ("PROBLEM", |c| text(c, "problem")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value in the life of the program")]
pub enum Command {
    /// List them (default)
    List,
    /// Connect a ticketing system; it is asked who it is before anything is kept
    Add(Add),
    /// Ask the ticketing system again
    Check { id: String },
}

/// What a new connection is.
#[derive(Debug, clap::Args)]
pub struct Add {
    #[arg(long)]
    name: String,
    /// The connector: publisher/name, or publisher/name@version
    #[arg(long)]
    accessory: AccessoryRef,
    /// The address of the ticketing system
    #[arg(long)]
    url: String,
    /// A secret, from a file or from standard input; never the value itself
    #[arg(long = "secret", value_name = "NAME=@FILE|NAME=-")]
    secrets: Vec<String>,
    /// The status that a closed ticket gets there
    #[arg(long)]
    closed_status: Option<String>,
    #[command(flatten)]
    config: settings::Arguments,
    #[command(flatten)]
    consent: consent::Arguments,
}

/// Lists, adds or checks connections.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let answer = match command {
        None | Some(Command::List) => {
            let answer = context.api()?.get(&["connections"], &[]).await?;
            context.print_list(&answer, "connections", COLUMNS, "no connections");
            return Ok(());
        }
        Some(Command::Add(add)) => {
            let (config, secrets) = (settings::config(&add.config)?, settings::secrets(&add.secrets)?);
            connect(&context.api()?, add, config, secrets.into()).await?
        }
        Some(Command::Check { id }) => context.api()?.post(&["connections", id, "check"], &json!({})).await?,
    };
    let connection = answer.get("connection").unwrap_or(&answer);
    context.print_record(if context.json { &answer } else { connection });
    Ok(())
}

async fn connect(api: &Api, add: &Add, config: Value, secrets: Value) -> Result<Value, Failure> {
    let mut body = json!({ "name": add.name, "accessory": add.accessory.name, "url": add.url, "config": config, "secrets": secrets });
    if let Some(version) = &add.accessory.version {
        body["version"] = version.to_string().into();
    }
    if let Some(status) = &add.closed_status {
        body["closed_status"] = status.as_str().into();
    }
    consent::post(api, &["connections"], body, &add.consent).await
}
