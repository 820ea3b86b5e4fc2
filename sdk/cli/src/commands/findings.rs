//! `fitment findings`

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{DEVICES, INSTALLATIONS};
use crate::table::{self, Column, age, text};

const FINDINGS: &[Column] = &[
    ("DEVICE", |f| text(f, "device")),
    ("ACCESSORY", |f| text(f, "installation")),
    ("HEALTH", |f| text(f, "health")),
    ("CONDITION", |f| text(f, "condition")),
    ("SUBJECT", |f| text(f, "subject")),
    ("CHANGED", |f| age(f, "changed_ms")),
    ("LAST SEEN", |f| age(f, "last_seen_ms")),
    ("SUMMARY", |f| text(f, "summary")),
];

const RUNS: &[Column] = &[
    ("DEVICE", |r| text(r, "device")),
    ("ACCESSORY", |r| text(r, "installation")),
    ("LAST RUN", |r| age(r, "at_ms")),
    ("OUTCOME", |r| text(r, "outcome")),
    ("MESSAGE", |r| text(r, "message")),
];

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only of this device: id or name
    #[arg(long)]
    device: Option<String>,
}

/// Lists what the monitors concluded, and how their last runs ended.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let api = context.api()?;
    let device = match &arguments.device {
        Some(device) => Some(DEVICES.id(&api, device).await?),
        None => None,
    };
    let query: Vec<(&str, &str)> = device.iter().map(|id| ("device", id.as_str())).collect();
    let mut answer = api.get(&["findings"], &query).await?;
    for list in ["findings", "runs"] {
        context.put_names(&api, &mut answer[list], &[("device", &DEVICES), ("installation", &INSTALLATIONS)]).await?;
    }
    context.print_list(&answer, "findings", FINDINGS, "no findings");
    if !context.json {
        table::line("");
        table::print(table::rows(&answer, "runs"), RUNS, "no runs");
    }
    Ok(())
}
