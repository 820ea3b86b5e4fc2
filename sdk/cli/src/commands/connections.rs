//! `fitment connections`

use serde_json::{Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{AccessoryRef, CLIENTS};
use crate::table::{Column, text};
use crate::{consent, settings};

const COLUMNS: &[Column] = &[
    ("ID", |c| text(c, "id")),
    ("NAME", |c| text(c, "name")),
    ("ACCESSORY", |c| format!("{}@{}", text(c, "accessory"), text(c, "version"))),
    ("URL", |c| text(c, "url")),
    ("CLIENT", |c| if c["client"].is_null() { "every".to_owned() } else { text(c, "client") }),
    ("STATE", |c| text(c, "state")),
    ("ACCOUNT", |c| text(c, "account")),
    ("PROBLEM", |c| text(c, "problem")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Connect a ticketing system; it is asked who it is before anything is kept
    Add(Add),
    /// Ask the ticketing system again
    Check { id: String },
    /// Change one; it is asked who it is before anything is kept
    Change(Change),
    /// Remove one and its secrets; tickets keep their link
    Remove { id: String },
    /// Look at once at what changed in the ticketing system; with options, say how tickets are kept in step
    Sync(Sync),
}

/// What changes of a connection; what is left out stays.
#[derive(Debug, clap::Args)]
pub struct Change {
    id: String,
    #[arg(long)]
    name: Option<String>,
    /// Another address; the secrets are needed again
    #[arg(long)]
    url: Option<String>,
    /// A secret anew, from a file or from standard input; never the value itself
    #[arg(long = "secret", value_name = "NAME=@FILE|NAME=-")]
    secrets: Vec<String>,
    #[arg(long)]
    closed_status: Option<String>,
    /// Carry the tickets of this client alone: id or name
    #[arg(long, conflicts_with = "every_client")]
    client: Option<String>,
    /// Carry the tickets of every client that has no connection of its own
    #[arg(long)]
    every_client: bool,
    /// Another version of the connector
    #[arg(long)]
    version: Option<String>,
    #[command(flatten)]
    config: settings::Arguments,
    #[command(flatten)]
    consent: consent::Arguments,
}

/// How a connection keeps tickets in step.
#[derive(Debug, clap::Args)]
pub struct Sync {
    id: String,
    /// Show how it goes, and ask for nothing
    #[arg(long)]
    show: bool,
    /// Who wins where both sides changed a field: newest, ours or theirs
    #[arg(long = "authority", value_name = "FIELD=WHO")]
    authority: Vec<String>,
    /// Seconds between two looks
    #[arg(long)]
    interval_s: Option<u32>,
    /// The status that reopens a ticket there
    #[arg(long)]
    open_status: Option<String>,
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
    /// Carry the tickets of this client alone: id or name [default: of every client that has no connection of its own]
    #[arg(long)]
    client: Option<String>,
    #[command(flatten)]
    config: settings::Arguments,
    #[command(flatten)]
    consent: consent::Arguments,
}

/// Lists, adds, changes, checks or removes connections.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let answer = match command {
        None | Some(Command::List) => {
            let api = context.api()?;
            let mut answer = api.get(&["connections"], &[]).await?;
            context.put_names(&api, &mut answer["connections"], &[("client", &CLIENTS)]).await?;
            context.print_list(&answer, "connections", COLUMNS, "no connections");
            return Ok(());
        }
        Some(Command::Add(add)) => {
            let (config, secrets) = (settings::config(&add.config)?, settings::secrets(&add.secrets)?);
            connect(&context.api()?, add, config, secrets.into()).await?
        }
        Some(Command::Change(change)) => changed(&context.api()?, change).await?,
        Some(Command::Remove { id }) => {
            context.api()?.delete(&["connections", id]).await?;
            context.print_done(&json!({ "id": id }), &format!("{id} is removed; its tickets keep their links"));
            return Ok(());
        }
        Some(Command::Sync(sync)) => keep_in_step(&context.api()?, sync).await?,
        Some(Command::Check { id }) => context.api()?.post(&["connections", id, "check"], &json!({})).await?,
    };
    let connection = answer.get("connection").unwrap_or(&answer);
    context.print_record(if context.json { &answer } else { connection });
    Ok(())
}

async fn keep_in_step(api: &Api, sync: &Sync) -> Result<Value, Failure> {
    let path = ["connections", &sync.id, "sync"];
    if sync.show {
        return Ok(api.get(&path, &[]).await?);
    }
    let mut settings = serde_json::Map::new();
    let pairs = sync.authority.iter().map(|pair| {
        let (field, who) = pair.split_once('=').unwrap_or((pair, ""));
        (field.to_owned(), Value::from(who))
    });
    let authority: serde_json::Map<String, Value> = pairs.collect();
    if !authority.is_empty() {
        settings.insert("authority".to_owned(), authority.into());
    }
    settings.extend(sync.interval_s.map(|seconds| ("interval_s".to_owned(), seconds.into())));
    settings.extend(sync.open_status.clone().map(|status| ("open_status".to_owned(), status.into())));
    if settings.is_empty() {
        return Ok(api.post(&path, &json!({})).await?);
    }
    Ok(api.put(&path, &settings.into()).await?)
}

async fn connect(api: &Api, add: &Add, config: Value, secrets: Value) -> Result<Value, Failure> {
    let mut body = json!({ "name": add.name, "accessory": add.accessory.name, "url": add.url, "config": config, "secrets": secrets });
    if let Some(version) = &add.accessory.version {
        body["version"] = version.to_string().into();
    }
    if let Some(status) = &add.closed_status {
        body["closed_status"] = status.as_str().into();
    }
    if let Some(client) = &add.client {
        body["client"] = CLIENTS.id(api, client).await?.into();
    }
    consent::post(api, &["connections"], body, &add.consent).await
}

async fn changed(api: &Api, change: &Change) -> Result<Value, Failure> {
    let mut body = json!({});
    let texts = [
        ("name", &change.name),
        ("url", &change.url),
        ("closed_status", &change.closed_status),
        ("version", &change.version),
    ];
    for (member, text) in texts {
        if let Some(text) = text {
            body[member] = text.as_str().into();
        }
    }
    if !change.secrets.is_empty() {
        body["secrets"] = settings::secrets(&change.secrets)?.into();
    }
    if settings::says_something(&change.config) {
        body["config"] = settings::config(&change.config)?;
    }
    match &change.client {
        Some(client) => body["client"] = CLIENTS.id(api, client).await?.into(),
        None if change.every_client => body["client"] = Value::Null,
        None => {}
    }
    consent::patch(api, &["connections", &change.id], body, &change.consent).await
}
