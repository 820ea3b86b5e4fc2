//! `fitment installations`

use serde_json::{Value, json};

use super::install::{self, every};
use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{CLIENTS, DEVICES, INSTALLATIONS, LOCATIONS};
use crate::table::{Column, age, text};
use crate::{clock, consent, settings};

const COLUMNS: &[Column] = &[
    ("ID", |i| text(i, "id")),
    ("ACCESSORY", |i| format!("{}@{}", text(i, "accessory"), text(i, "version"))),
    ("TARGET", target),
    ("EVERY", every),
    ("INSTALLED", |i| age(i, "installed_ms")),
];

fn target(installation: &Value) -> String {
    one_target(&installation["target"])
}

fn one_target(target: &Value) -> String {
    match target.as_object().and_then(|target| target.iter().next()) {
        Some((_, Value::Array(several))) => several.iter().map(one_target).collect::<Vec<_>>().join(", "),
        Some((kind, id)) => format!("{kind} {}", id.as_str().unwrap_or_default()),
        None => target.as_str().unwrap_or_default().to_owned(),
    }
}

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
#[expect(clippy::large_enum_variant, reason = "one value in the life of the program")]
pub enum Command {
    /// List them (default)
    List,
    /// Show one, with its configuration
    Show {
        /// Id, or the accessory where it is installed once
        installation: String,
    },
    /// Change one: its configuration, how often it runs, where, or which version
    Change(Change),
    /// Remove one; its history stays
    Remove {
        /// Id, or the accessory where it is installed once
        installation: String,
    },
}

/// What changes; what is left out stays.
#[derive(Debug, clap::Args)]
pub struct Change {
    /// Id, or the accessory where it is installed once
    installation: String,
    #[command(flatten)]
    target: install::Target,
    /// Values go over the configuration that is there
    #[command(flatten)]
    config: settings::Arguments,
    /// How often it runs, such as 30s
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    /// Another version of the accessory
    #[arg(long)]
    version: Option<String>,
    /// What a run may spend instead of what the accessory asks, such as memory_bytes_max=64MiB; replaces what was granted before
    #[arg(long, value_name = "BOUND=AMOUNT", value_delimiter = ',')]
    budget: Vec<String>,
    /// Keep an instance between runs, or stop keeping it
    #[arg(long, value_name = "yes|no", value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::Set)]
    warm: Option<bool>,
    #[command(flatten)]
    consent: consent::Arguments,
}

/// Lists, shows, changes or removes installations.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        None | Some(Command::List) => {
            let mut answer = api.get(&["installations"], &[]).await?;
            name_targets(context, &api, answer["installations"].as_array_mut().into_iter().flatten().collect()).await?;
            context.print_list(&answer, "installations", COLUMNS, "no installations");
        }
        Some(Command::Show { installation }) => {
            let id = INSTALLATIONS.id(&api, installation).await?;
            print(context, &api, api.get(&["installations", &id], &[]).await?).await?;
        }
        Some(Command::Change(change)) => {
            let mut answer = changed(&api, change).await?;
            print(context, &api, if context.json { answer } else { answer["installation"].take() }).await?;
        }
        Some(Command::Remove { installation }) => {
            let id = INSTALLATIONS.id(&api, installation).await?;
            api.delete(&["installations", &id]).await?;
            context.print_done(&json!({ "id": id }), &format!("{installation} is removed"));
        }
    }
    Ok(())
}

/// Prints one; for people with names, and its target in words.
async fn print(context: &Context, api: &Api, mut installation: Value) -> Result<(), Failure> {
    name_targets(context, api, vec![&mut installation]).await?;
    if !context.json {
        installation["target"] = target(&installation).into();
    }
    context.print_record(&installation);
    Ok(())
}

/// Says by names where installations go, for people.
async fn name_targets(context: &Context, api: &Api, installations: Vec<&mut Value>) -> Result<(), Failure> {
    let places = installations.into_iter().filter_map(|installation| installation.get_mut("target"));
    let several = |target: &Value| target["any"].is_array();
    let places = places.flat_map(|target| match several(target) {
        true => target["any"].as_array_mut().into_iter().flatten().collect(),
        false => vec![target],
    });
    let members = [("client", &CLIENTS), ("location", &LOCATIONS), ("device", &DEVICES)];
    context.put_names_in(api, places.collect(), &members).await
}

async fn changed(api: &Api, change: &Change) -> Result<Value, Failure> {
    let id = INSTALLATIONS.id(api, &change.installation).await?;
    let mut body = json!({});
    if let Some(target) = install::target(api, &change.target).await? {
        body["target"] = target;
    }
    if let Some(interval) = &change.interval {
        body["interval_s"] = clock::parse_duration_s(interval)?.into();
    }
    if let Some(version) = &change.version {
        body["version"] = version.as_str().into();
    }
    if !change.budget.is_empty() {
        body["budget"] = install::budget(&change.budget)?;
    }
    if let Some(warm) = change.warm {
        body["warm"] = warm.into();
    }
    if settings::says_something(&change.config) {
        let before = api.get(&["installations", &id], &[]).await?["config"].clone();
        body["config"] = settings::config_over(before, &change.config)?;
    }
    consent::patch(api, &["installations", &id], body, &change.consent).await
}
