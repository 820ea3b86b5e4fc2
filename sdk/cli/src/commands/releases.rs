//! `fitment releases`

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::Part;
use crate::reference::ReleaseRef;
use crate::table::{self, Column, age, text};

const COLUMNS: &[Column] = &[
    ("RELEASE", |r| format!("{}@{}", text(r, "accessory"), text(r, "version"))),
    ("KIND", |r| text(r, "kind")),
    ("STATE", |r| text(r, "state")),
    ("SHA256", |r| text(r, "digest").chars().take(12).collect()),
    ("UPLOADED", |r| age(r, "uploaded_ms")),
    ("SUMMARY", |r| text(r, "summary")),
    ("WHY", |r| text(r, "reason")),
];

const PERMISSIONS: &[Column] =
    &[("PERMISSION", |p| text(p, "name")), ("MEANS", |p| text(p, "sentence")), ("REASON", |p| text(p, "reason"))];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List(Part),
    /// Show one, with what it asks
    Show {
        /// publisher/name@version
        release: ReleaseRef,
    },
}

/// Lists the releases that the account sees, or shows one.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    let Some(Command::Show { release }) = command else {
        let query = if let Some(Command::List(part)) = command { part.query() } else { Vec::new() };
        context.print_list(&api.get(&["releases"], &query).await?, "releases", COLUMNS, "no releases");
        return Ok(());
    };
    let ReleaseRef { name, version } = release;
    let mut answer = api.get(&["releases", &name.publisher, &name.name, &version.to_string()], &[]).await?;
    if context.json {
        table::json(&answer);
        return Ok(());
    }
    let permissions = answer["permissions"].take();
    if let Some(members) = answer.as_object_mut() {
        members
            .retain(|key, value| !value.is_null() && !matches!(key.as_str(), "readme" | "changelog" | "config_schema"));
    }
    table::record(&answer);
    table::print(permissions.as_array().map_or(&[], Vec::as_slice), PERMISSIONS, "it asks no permission");
    Ok(())
}
