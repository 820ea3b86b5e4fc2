//! `fitment install`

use fitment_domain::budget::BudgetAsked;
use serde_json::{Value, json};

use super::fit;
use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{AccessoryRef, CLIENTS, DEVICES, LOCATIONS};
use crate::table::text;
use crate::{clock, consent, settings, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// publisher/name, or publisher/name@version [default: the newest version]
    accessory: AccessoryRef,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    config: settings::Arguments,
    /// How often it runs, such as 30s [default: what the accessory says]
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
    /// What a run may spend instead of what the accessory asks, such as memory_bytes_max=64MiB or wall_ms_max=60s
    #[arg(long, value_name = "BOUND=AMOUNT", value_delimiter = ',')]
    budget: Vec<String>,
    /// Keep an instance between runs: quicker for accessories that bring a language along, and what a run leaves in memory is there in the next
    #[arg(long)]
    warm: bool,
    #[command(flatten)]
    consent: consent::Arguments,
}

/// Reads bounds that the command line grants.
pub fn budget(words: &[String]) -> Result<Value, Failure> {
    let granted = BudgetAsked::from_words(words.iter().map(String::as_str));
    Ok(json!(granted.map_err(|error| Failure::Environment(format!("--budget: {error}")))?))
}

/// Where it goes. Several may be named; each adds its devices.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Target {
    /// Every device
    #[arg(long, conflicts_with_all = ["client", "location", "device"])]
    all: bool,
    /// The devices of a client: id or name
    #[arg(long)]
    client: Vec<String>,
    /// The devices of a location: id or name
    #[arg(long)]
    location: Vec<String>,
    /// One device: id or name
    #[arg(long)]
    device: Vec<String>,
}

/// Installs an accessory on the devices that it fits.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let interval_s = arguments.interval.as_deref().map(clock::parse_duration_s).transpose()?;
    let config = settings::config(&arguments.config)?;
    let api = context.api()?;
    let Some(target) = target(&api, &arguments.target).await? else {
        return Err(Failure::environment("say where: --all, or any of --client, --location and --device"));
    };
    // The version is settled first: what a person agrees to is what is installed, even if a newer one is published meanwhile.
    let version = match &arguments.accessory.version {
        Some(version) => version.to_string(),
        None => text(&fit::of(&api, &arguments.accessory).await?, "version"),
    };
    let mut body = json!({
        "accessory": arguments.accessory.name,
        "version": version,
        "target": target,
        "config": config,
    });
    if let Some(interval_s) = interval_s {
        body["interval_s"] = interval_s.into();
    }
    if !arguments.budget.is_empty() {
        body["budget"] = budget(&arguments.budget)?;
    }
    if arguments.warm {
        body["warm"] = true.into();
    }
    let answer = consent::post(&api, &["installations"], body, &arguments.consent).await?;
    if context.json {
        table::json(&answer);
        return Ok(());
    }
    let installation = &answer["installation"];
    table::line(format!("installed {}: runs every {}", text(installation, "id"), every(installation)));
    let named = json!({ "accessory": arguments.accessory.name, "version": version, "fits": answer["fits"], "of": answer["of"], "devices": answer["devices"], "warnings": answer["warnings"] });
    fit::print(&named);
    Ok(())
}

/// Returns the interval of an installation, for people.
pub fn every(installation: &Value) -> String {
    let interval = installation["interval_s"].as_u64().filter(|seconds| *seconds > 0);
    interval.map_or_else(|| "time it is asked".to_owned(), |seconds| format!("{seconds}s"))
}

/// Returns what the command line names; none if it names nothing.
pub async fn target(api: &Api, target: &Target) -> Result<Option<Value>, Failure> {
    let mut several = Vec::new();
    for client in &target.client {
        several.push(json!({ "client": CLIENTS.id(api, client).await? }));
    }
    for location in &target.location {
        several.push(json!({ "location": LOCATIONS.id(api, location).await? }));
    }
    for device in &target.device {
        several.push(json!({ "device": DEVICES.id(api, device).await? }));
    }
    Ok(match several.len() {
        0 => target.all.then(|| json!("all")),
        1 => several.pop(),
        _ => Some(json!({ "any": several })),
    })
}
