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

const MEASURES: &[Column] = &[
    ("MEASURE", |m| text(m, "measure")),
    ("RUNS", |m| text(m, "runs")),
    ("P50", |m| text(m, "p50")),
    ("P90", |m| text(m, "p90")),
    ("P99", |m| text(m, "p99")),
];

const ENDS: &[Column] = &[("ENDED", |e| text(e, "end")), ("RUNS", |e| text(e, "runs"))];

const TRAPS: &[Column] =
    &[("TIMES", |t| text(t, "times")), ("LAST", |t| age(t, "last_ms")), ("TRAP", |t| text(t, "trap"))];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List(Part),
    /// Publisher, operator: what one costs where it runs, how its runs end, where it traps
    Usage {
        /// publisher/name@version
        release: ReleaseRef,
    },
    /// Show one, with what it asks
    Show {
        /// publisher/name@version
        release: ReleaseRef,
    },
    /// Say what changes from another version: permissions, and what a run may spend
    Difference {
        /// publisher/name@version
        release: ReleaseRef,
        /// The other version [default: the newest before it]
        #[arg(long, value_name = "VERSION")]
        from: Option<String>,
    },
}

/// Shows what a release costs where it runs.
async fn usage(context: &Context, ReleaseRef { name, version }: &ReleaseRef) -> Result<(), Failure> {
    let path = ["releases", &name.publisher, &name.name, &version.to_string(), "usage"];
    let answer = context.api()?.get(&path, &[]).await?;
    if context.json {
        table::json(&answer);
        return Ok(());
    }
    let rows = |member: &str| answer[member].as_array().cloned().unwrap_or_default();
    table::print(&rows("measures"), MEASURES, "it has not run anywhere yet");
    table::print(&rows("ends"), ENDS, "no run has ended");
    table::print(&rows("traps"), TRAPS, "no trap that two MSPs or the own test tenant have seen within seven days");
    if answer["quarantined"] == true {
        let devices = text(&answer, "quarantined_devices");
        table::line(format!("{devices} devices quarantined it: it ended their sandbox again and again"));
    }
    Ok(())
}

/// Lists the releases that the account sees, or shows one.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    if let Some(Command::Usage { release }) = command {
        return usage(context, release).await;
    }
    let api = context.api()?;
    if let Some(Command::Difference { release, from }) = command {
        return difference(context, release, from.as_deref()).await;
    }
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

async fn difference(context: &Context, release: &ReleaseRef, from: Option<&str>) -> Result<(), Failure> {
    let ReleaseRef { name, version } = release;
    let (version, query): (String, Vec<(&str, &str)>) =
        (version.to_string(), from.into_iter().map(|from| ("from", from)).collect());
    let path = ["releases", name.publisher.as_str(), name.name.as_str(), version.as_str(), "difference"];
    let answer = context.api()?.get(&path, &query).await?;
    if context.json {
        table::json(&answer);
        return Ok(());
    }
    match answer["from"].as_str() {
        None => table::line("there is no release before it"),
        Some(from) => table::line(format!("{}: from {} to {version}", text(&answer, "accessory"), table::clean(from))),
    }
    for change in table::rows(&answer, "permissions").iter().chain(table::rows(&answer, "budget")) {
        table::line(format!("  {}", text(change, "sentence")));
    }
    Ok(())
}
