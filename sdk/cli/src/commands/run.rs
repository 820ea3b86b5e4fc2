//! `fitment run`

use serde_json::{Value, json};

use super::requests::{print_execution, print_request, watch};
use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{AccessoryRef, CLIENTS, DEVICES, LOCATIONS};
use crate::table::{self, text};
use crate::{clock, settings};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An installed script: publisher/name, or the id of its installation
    script: String,
    #[command(flatten)]
    target: Target,
    /// One parameter; dots go into objects, what is no JSON is a text
    #[arg(long, value_name = "KEY=VALUE")]
    param: Vec<String>,
    /// What has not begun by then does not run [default: 1h]
    #[arg(long, value_name = "DURATION")]
    within: Option<String>,
    /// Show progress, and wait for the result of every device
    #[arg(long)]
    wait: bool,
}

/// Where it runs; there is no default.
#[derive(Debug, clap::Args)]
#[group(id = "where", required = true, multiple = false)]
struct Target {
    /// These devices: id or name; can be repeated
    #[arg(long)]
    device: Vec<String>,
    /// Every device
    #[arg(long)]
    all: bool,
    /// The devices of a client: id or name
    #[arg(long)]
    client: Option<String>,
    /// The devices of a location: id or name
    #[arg(long)]
    location: Option<String>,
}

/// Asks devices to run a script once.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let parameters = settings::parameters(&arguments.param)?;
    let within_s = arguments.within.as_deref().map(clock::parse_duration_s).transpose()?;
    let api = context.api()?;
    let mut body = json!({ "installation": installation(&api, &arguments.script).await?, "parameters": parameters });
    place(&api, &arguments.target, &mut body).await?;
    if let Some(seconds) = within_s {
        body["deliver_within_s"] = json!(seconds);
    }
    let answer = api.post(&["requests"], &body).await?;
    for refused in table::rows(&answer, "refused") {
        eprintln!("not on {}: {}", text(refused, "name"), text(refused, "reasons"));
    }
    if !arguments.wait {
        if context.json {
            table::json(&answer);
        } else {
            print_request(&answer["request"]);
        }
        return Ok(());
    }
    let id = text(&answer["request"], "id");
    let last = watch(&api, &id, |execution| {
        if !context.json {
            print_execution(execution);
        }
    })
    .await?;
    if context.json {
        table::json(&last);
    }
    let undone = table::rows(&last, "executions").iter().filter(|execution| execution["state"] != "done").count();
    if undone > 0 {
        return Err(Failure::refused(format!("{undone} of the devices did not do it: `fitment requests show {id}`")));
    }
    Ok(())
}

async fn installation(api: &Api, script: &str) -> Result<String, Failure> {
    if script.starts_with("ins_") {
        return Ok(script.to_owned());
    }
    let wanted: AccessoryRef = script.parse().map_err(Failure::Environment)?;
    let answer = api.get(&["installations"], &[]).await?;
    let found: Vec<&Value> = table::rows(&answer, "installations")
        .iter()
        .filter(|i| text(i, "accessory") == wanted.name.to_string())
        .filter(|i| wanted.version.as_ref().is_none_or(|version| text(i, "version") == version.to_string()))
        .collect();
    match found.as_slice() {
        [one] => Ok(text(one, "id")),
        [] => Err(Failure::refused(format!("{script} is not installed: `fitment install {script} …` does that"))),
        many => {
            let ids: Vec<String> = many.iter().map(|i| text(i, "id")).collect();
            Err(Failure::refused(format!("{script} is installed more than once, name one of: {}", ids.join(", "))))
        }
    }
}

async fn place(api: &Api, target: &Target, body: &mut Value) -> Result<(), Failure> {
    if !target.device.is_empty() {
        let mut ids = Vec::new();
        for device in &target.device {
            ids.push(DEVICES.id(api, device).await?);
        }
        body["devices"] = json!(ids);
        return Ok(());
    }
    body["target"] = match target {
        Target { client: Some(client), .. } => json!({ "client": CLIENTS.id(api, client).await? }),
        Target { location: Some(location), .. } => json!({ "location": LOCATIONS.id(api, location).await? }),
        // The group lets nothing through without one of the four.
        Target { .. } => json!("all"),
    };
    Ok(())
}
