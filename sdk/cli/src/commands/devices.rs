//! `fitment devices`

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::reference::{CLIENTS, DEVICES, LOCATIONS};
use crate::table::{self, Column, age, fact, text};

const TABLE_BYTES_MAX: usize = 2 * 1024 * 1024;

const COLUMNS: &[Column] = &[
    ("ID", |d| text(d, "id")),
    ("NAME", |d| text(d, "name")),
    ("CLIENT", |d| text(d, "client")),
    ("LOCATION", |d| text(d, "location")),
    ("BY", |d| text(d, "location_source")),
    ("OS", |d| fact(d, "os.family")),
    ("ARCH", |d| fact(d, "arch")),
    ("AGENT", |d| fact(d, "agent.version")),
    ("LAST SEEN", |d| if d["last_seen_ms"] == 0 { "never".to_owned() } else { age(d, "last_seen_ms") }),
    ("REVOKED", |d| age(d, "revoked_ms")),
];

const PAIRS: &[Column] = &[
    ("KIND", |p| text(p, "kinship")),
    ("OLDER", |p| text(p, "older.id")),
    ("NAME", |p| text(p, "older.name")),
    ("NEWER", |p| text(p, "newer.id")),
    ("NAME", |p| text(p, "newer.name")),
    ("WHAT TO DO", |p| text(p, "remedy")),
];

const ERRORS: &[Column] =
    &[("LINE", |e| text(e, "line")), ("FIELD", |e| text(e, "field")), ("PROBLEM", |e| text(e, "problem"))];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List {
        /// Those that are out of use
        #[arg(long)]
        retired: bool,
    },
    /// Show one, with its facts
    Show { device: String },
    /// Enter one by hand; an agent with the same serial or machine-id takes it over
    Add {
        name: String,
        /// The location: id or name
        #[arg(long)]
        location: String,
        /// What is known of it, such as serial=CZC1234567
        #[arg(long = "fact", value_name = "NAME=VALUE")]
        facts: Vec<String>,
    },
    /// Enter those of a table (CSV): name, client, location, and facts such as serial
    Import { table: PathBuf },
    /// Rename one
    Rename { device: String, name: String },
    /// Say what its agent does not
    State {
        device: String,
        /// NAME=VALUE; an empty value takes the fact away
        #[arg(required = true, value_name = "NAME=VALUE")]
        facts: Vec<String>,
    },
    /// Move one to a location: nothing else decides then
    Move {
        device: String,
        /// The location: id or name
        #[arg(required_unless_present = "auto", conflicts_with = "auto")]
        location: Option<String>,
        /// Let its agent, its address or its zero certificate decide again
        #[arg(long)]
        auto: bool,
    },
    /// List those that say that they are the same machine
    Duplicates,
    /// Say that a machine is set up anew: its history goes on
    ReImage {
        device: String,
        /// As which device it enrolled meanwhile; without, it will take its record over when it enrols
        #[arg(long, value_name = "DEVICE")]
        enrolled_as: Option<String>,
    },
    /// Take one out of use: refused, its alerts closed, its history kept
    Retire { device: String },
    /// Refuse its certificates from now on
    Revoke { device: String },
}

/// Does it.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    let answer = match command.unwrap_or(&Command::List { retired: false }) {
        Command::List { retired } => {
            let query: &[(&str, &str)] = if *retired { &[("retired", "true")] } else { &[] };
            let mut answer = api.get(&["devices"], query).await?;
            let members = [("client", &CLIENTS), ("location", &LOCATIONS)];
            context.put_names(&api, &mut answer["devices"], &members).await?;
            context.print_list(&answer, "devices", COLUMNS, "no devices");
            return Ok(());
        }
        Command::Duplicates => {
            let answer = api.get(&["devices", "duplicates"], &[]).await?;
            context.print_list(&answer, "duplicates", PAIRS, "no two devices say that they are the same machine");
            return Ok(());
        }
        Command::Import { table } => return import(context, &api, files::read_text(table, TABLE_BYTES_MAX)?).await,
        Command::Show { device } => api.get(&["devices", &DEVICES.id(&api, device).await?], &[]).await?,
        Command::Add { name, location, facts } => {
            let location = LOCATIONS.id(&api, location).await?;
            let body = json!({ "name": name, "location": location, "facts": pairs(facts)? });
            api.post(&["devices"], &body).await?
        }
        Command::Rename { device, name } => {
            api.patch(&["devices", &DEVICES.id(&api, device).await?], &json!({ "name": name })).await?
        }
        Command::State { device, facts } => {
            let body = json!({ "facts": pairs(facts)? });
            api.patch(&["devices", &DEVICES.id(&api, device).await?], &body).await?
        }
        Command::Move { device, location, .. } => {
            let id = DEVICES.id(&api, device).await?;
            match location {
                Some(location) => {
                    let body = json!({ "location": LOCATIONS.id(&api, location).await? });
                    let moved = api.put(&["devices", &id, "location"], &body).await?;
                    if moved["id"] != id.as_str() {
                        eprintln!(
                            "note: it is a new device at that client, with an id of its own; its history stays behind with {id}, \
                             which is retired, and so does what was installed on that device alone"
                        );
                    }
                    moved
                }
                None => api.take_back(&["devices", &id, "location"]).await?,
            }
        }
        Command::ReImage { device, enrolled_as } => {
            let id = DEVICES.id(&api, device).await?;
            let body = match enrolled_as {
                Some(newer) => json!({ "device": DEVICES.id(&api, newer).await? }),
                None => json!({}),
            };
            api.post(&["devices", &id, "re-image"], &body).await?
        }
        Command::Retire { device } => return end(context, &api, device, "retirement", "is out of use").await,
        Command::Revoke { device } => return end(context, &api, device, "revocation", "is revoked").await,
    };
    context.print_named(&api, answer, &[("client", &CLIENTS), ("location", &LOCATIONS)]).await
}

async fn end(context: &Context, api: &Api, device: &str, how: &str, done: &str) -> Result<(), Failure> {
    let id = DEVICES.id(api, device).await?;
    api.post(&["devices", &id, how], &json!({})).await?;
    context.print_done(&json!({ "id": id }), &format!("{id} {done}"));
    Ok(())
}

async fn import(context: &Context, api: &Api, table: String) -> Result<(), Failure> {
    let answer = api.post_csv(&["devices", "import"], table).await?;
    let (devices, errors) = (table::rows(&answer, "devices").len(), table::rows(&answer, "errors"));
    context.print_done(&answer, &format!("{devices} devices are known now, {} lines were not taken", errors.len()));
    if !context.json && !errors.is_empty() {
        table::print(errors, ERRORS, "");
    }
    Ok(())
}

/// Reads facts as they stand on the command line: what is no JSON is a text, and nothing takes a fact away.
fn pairs(facts: &[String]) -> Result<Value, Failure> {
    let mut pairs = Map::new();
    for pair in facts {
        let Some((name, text)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::environment(format!("{pair:?}: write name=value, such as serial=CZC1234567")));
        };
        // A serial of digits is a text all the same.
        let value = match name {
            _ if text.is_empty() => Value::Null,
            "serial" | "machine-id" => Value::String(text.to_owned()),
            _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        };
        pairs.insert(name.to_owned(), value);
    }
    Ok(Value::Object(pairs))
}
