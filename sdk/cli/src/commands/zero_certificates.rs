//! `fitment zero-certificate`

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{CLIENTS, DEVICES, LOCATIONS};
use crate::table::{Column, age, rows, text};
use crate::{clock, files};

const COLUMNS: &[Column] = &[
    ("ID", |z| text(z, "id")),
    ("CLIENT", |z| text(z, "client")),
    ("LOCATION", |z| text(z, "location")),
    ("USES", |z| format!("{}/{}", text(z, "uses"), text(z, "uses_max"))),
    ("EXPIRES", |z| age(z, "expires_ms")),
    ("REVOKED", |z| age(z, "revoked_ms")),
    ("DEVICES", |z| rows(z, "devices").iter().map(|d| text(d, "device")).collect::<Vec<_>>().join(", ")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make one; it is written once and shown never again
    New(New),
    /// List them, with the devices that each let in
    List,
    /// End one; the devices that it let in stay
    Revoke { id: String },
}

/// What a new certificate is for.
#[derive(Debug, clap::Args)]
pub struct New {
    /// Where it goes: a new file that only this account reads
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The client that its devices belong to: id or name [default: the only one]
    #[arg(long)]
    client: Option<String>,
    /// The location of its devices: id or name [default: the client's only one]
    #[arg(long)]
    location: Option<String>,
    /// How many machines it lets in
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    uses_max: Option<u32>,
    /// How long, such as 72h
    #[arg(long, value_name = "DURATION")]
    lifetime: Option<String>,
}

/// Makes, lists or ends zero certificates.
pub async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        Command::List => {
            let mut answer = api.get(&["zero-certificates"], &[]).await?;
            let list = &mut answer["zero_certificates"];
            context.put_names(&api, list, &[("client", &CLIENTS), ("location", &LOCATIONS)]).await?;
            let zeros = list.as_array_mut().into_iter().flatten();
            let devices = zeros.flat_map(|zero| zero["devices"].as_array_mut().into_iter().flatten());
            context.put_names_in(&api, devices.collect(), &[("device", &DEVICES)]).await?;
            context.print_list(&answer, "zero_certificates", COLUMNS, "no zero certificates");
            Ok(())
        }
        Command::Revoke { id } => {
            api.delete(&["zero-certificates", id]).await?;
            context.print_done(&json!({ "id": id }), &format!("{id} is revoked"));
            Ok(())
        }
        Command::New(new) => make(context, &api, new).await,
    }
}

async fn make(context: &Context, api: &crate::api::Api, new: &New) -> Result<(), Failure> {
    let mut body = json!({});
    if let Some(client) = &new.client {
        body["client"] = CLIENTS.id(api, client).await?.into();
    }
    if let Some(location) = &new.location {
        body["location"] = LOCATIONS.id(api, location).await?.into();
    }
    if let Some(uses_max) = new.uses_max {
        body["uses_max"] = uses_max.into();
    }
    if let Some(lifetime) = &new.lifetime {
        body["lifetime_s"] = clock::parse_duration_s(lifetime)?.into();
    }
    // The file first: a bundle that cannot be written would be lost.
    let mut file = files::create_private(&new.out)?;
    let answer = match api.post(&["zero-certificates"], &body).await {
        Ok(answer) => answer,
        Err(error) => {
            let _ = std::fs::remove_file(&new.out);
            return Err(error.into());
        }
    };
    let bundle = format!("{:#}\n", answer["bundle"]);
    file.write_all(bundle.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|e| files::cannot("write", &new.out, &e))?;
    let zero: &Value = &answer["zero"];
    let sentence = format!(
        "{} lets in {} machines, expires {}: {}",
        text(zero, "id"),
        text(zero, "uses_max"),
        age(zero, "expires_ms"),
        new.out.display()
    );
    context.print_done(&json!({ "zero": zero, "file": new.out }), &sentence);
    Ok(())
}
