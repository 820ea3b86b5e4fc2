//! `fitment devices`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::DEVICES;
use crate::table::{Column, age, fact, text};

const COLUMNS: &[Column] = &[
    ("ID", |d| text(d, "id")),
    ("NAME", |d| text(d, "name")),
    ("CLIENT", |d| text(d, "client")),
    ("LOCATION", |d| text(d, "location")),
    ("OS", |d| fact(d, "os.family")),
    ("ARCH", |d| fact(d, "arch")),
    ("AGENT", |d| fact(d, "agent.version")),
    ("LAST SEEN", |d| age(d, "last_seen_ms")),
    ("REVOKED", |d| age(d, "revoked_ms")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Show one, with its facts
    Show { device: String },
    /// Refuse its certificates from now on
    Revoke { device: String },
}

/// Lists, shows or revokes devices.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        None | Some(Command::List) => {
            context.print_list(&api.get(&["devices"], &[]).await?, "devices", COLUMNS, "no devices")
        }
        Some(Command::Show { device }) => {
            let id = DEVICES.id(&api, device).await?;
            context.print_record(&api.get(&["devices", &id], &[]).await?);
        }
        Some(Command::Revoke { device }) => {
            let id = DEVICES.id(&api, device).await?;
            api.post(&["devices", &id, "revocation"], &json!({})).await?;
            context.print_done(&json!({ "id": id }), &format!("{id} is revoked"));
        }
    }
    Ok(())
}
