//! `fitment series`

use serde_json::Value;

use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{DEVICES, INSTALLATIONS};
use crate::table::{self, Column, age, text};

const SERIES: &[Column] = &[
    ("ID", |s| text(s, "id")),
    ("DEVICE", |s| text(s, "device")),
    ("ACCESSORY", |s| text(s, "installation")),
    ("CONDITION", |s| text(s, "condition")),
    ("SUBJECT", |s| text(s, "subject")),
    ("NAME", |s| text(s, "name")),
    ("LABELS", labels),
    ("UNIT", |s| text(s, "unit")),
    ("LAST HOUR", |s| age(s, "last_hour_ms")),
];

const DROPPED: &[Column] = &[
    ("DEVICE", |d| text(d, "device")),
    ("ACCESSORY", |d| text(d, "installation")),
    ("NOT KEPT", |d| text(d, "samples")),
    ("REASON", |d| text(d, "reason")),
    ("LAST", |d| age(d, "last_ms")),
];

const POINTS: &[Column] = &[
    ("AT", |p| age(p, "at_ms")),
    ("MIN", |p| text(p, "min")),
    ("MEAN", |p| text(p, "mean")),
    ("MAX", |p| text(p, "max")),
    ("COUNT", |p| text(p, "count")),
];

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only of this device: id or name
    #[arg(long)]
    device: Option<String>,
    /// Only of this installation: id or accessory
    #[arg(long)]
    installation: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The points of one series
    Points {
        /// The series' id
        id: String,
        /// How far back, such as 30m, 24h or 90d
        #[arg(long, default_value = "24h")]
        last: String,
        /// How far apart, such as 5m; default: so that about 500 points come
        #[arg(long)]
        step: Option<String>,
    },
}

fn labels(series: &Value) -> String {
    let part = |pair: &Value, index: usize| pair[index].as_str().unwrap_or_default().to_owned();
    let pairs = series["labels"].as_array().into_iter().flatten();
    let texts: Vec<String> = pairs.map(|pair| format!("{}={}", part(pair, 0), part(pair, 1))).collect();
    table::clean(&texts.join(" "))
}

/// Lists series of samples, or the points of one.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Points { id, last, step }) = &arguments.command {
        let to = clock::now().0;
        let last_ms = i64::try_from(clock::parse_duration_s(last)? * 1_000).unwrap_or(i64::MAX);
        let step_ms = step.as_deref().map(clock::parse_duration_s).transpose()?.map(|s| (s * 1_000).to_string());
        let (from, to) = (to.saturating_sub(last_ms).to_string(), to.to_string());
        let mut query = vec![("from", from.as_str()), ("to", to.as_str())];
        query.extend(step_ms.as_deref().map(|step| ("step", step)));
        let answer = api.get(&["series", id, "points"], &query).await?;
        context.print_list(&answer, "points", POINTS, "no points");
        if !context.json {
            table::line(format_args!("from {}, {} ms a point", text(&answer, "tier"), text(&answer, "step_ms")));
        }
        return Ok(());
    }
    let device = match &arguments.device {
        Some(device) => Some(DEVICES.id(&api, device).await?),
        None => None,
    };
    let installation = match &arguments.installation {
        Some(installation) => Some(INSTALLATIONS.id(&api, installation).await?),
        None => None,
    };
    let mut query: Vec<(&str, &str)> = device.iter().map(|id| ("device", id.as_str())).collect();
    query.extend(installation.as_deref().map(|id| ("installation", id)));
    let mut answer = api.get(&["series"], &query).await?;
    for list in ["series", "dropped"] {
        context.put_names(&api, &mut answer[list], &[("device", &DEVICES), ("installation", &INSTALLATIONS)]).await?;
    }
    context.print_list(&answer, "series", SERIES, "no series");
    if !context.json && !table::rows(&answer, "dropped").is_empty() {
        table::line("");
        table::print(table::rows(&answer, "dropped"), DROPPED, "");
    }
    Ok(())
}
