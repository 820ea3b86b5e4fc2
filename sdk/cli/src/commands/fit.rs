//! `fitment fit`

use serde_json::Value;

use crate::api::{Api, ApiError};
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::AccessoryRef;
use crate::table::{self, Column, text};

const COLUMNS: &[Column] = &[
    ("DEVICE", |d| text(d, "name")),
    ("FITS", |d| if d["fits"].as_bool() == Some(true) { "yes".to_owned() } else { "no".to_owned() }),
    ("WHY NOT", |d| {
        table::rows(d, "reasons").iter().filter_map(Value::as_str).map(table::clean).collect::<Vec<_>>().join("; ")
    }),
    ("ID", |d| text(d, "device")),
];

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// publisher/name, or publisher/name@version
    accessory: AccessoryRef,
}

/// Says which devices an accessory fits, and why not the others.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let answer = of(&context.api()?, &arguments.accessory).await?;
    if context.json {
        table::json(&answer);
        return Ok(());
    }
    print(&answer);
    Ok(())
}

/// Asks which devices an accessory fits; without a version, its newest.
pub async fn of(api: &Api, accessory: &AccessoryRef) -> Result<Value, ApiError> {
    let version = accessory.version.as_ref().map(ToString::to_string);
    let query: Vec<(&str, &str)> = version.iter().map(|version| ("version", version.as_str())).collect();
    api.get(&["fit", &accessory.name.publisher, &accessory.name.name], &query).await
}

/// Prints the answer: N of M, then each device.
pub fn print(answer: &Value) {
    let release = format!("{}@{}", text(answer, "accessory"), text(answer, "version"));
    table::line(format!("{release} fits {} of {} devices", text(answer, "fits"), text(answer, "of")));
    table::print(table::rows(answer, "devices"), COLUMNS, "no devices");
    for warning in table::rows(answer, "warnings").iter().filter_map(Value::as_str) {
        table::line(format!("warning: {}", table::clean(warning)));
    }
}
