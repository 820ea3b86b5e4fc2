//! `fitment requests`

use serde_json::Value;

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{self, Column, age, clean, text};

const COLUMNS: &[Column] = &[
    ("ID", |r| text(r, "id")),
    ("ACCESSORY", |r| format!("{}@{}", text(r, "accessory"), text(r, "version"))),
    ("MADE", |r| age(r, "made_ms")),
    ("DEADLINE", |r| age(r, "deliver_by_ms")),
    ("DEVICES", states),
];

const EXECUTIONS: &[Column] = &[
    ("DEVICE", |e| text(e, "name")),
    ("STATE", |e| text(e, "state")),
    ("PROGRESS", progress),
    ("RESULT", |e| text(e, "summary")),
    ("TRANSACTION", |e| text(e, "transaction")),
];

fn states(request: &Value) -> String {
    let states = request["states"].as_object().into_iter().flatten();
    states.map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

fn progress(execution: &Value) -> String {
    match execution["percent"].as_u64() {
        Some(percent) => format!("{percent}% {}", text(execution, "progress")),
        None => String::new(),
    }
}

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the newest (default)
    List,
    /// Show one: progress, result, output and log of each device
    Show { id: String },
    /// Take back what has not started
    Cancel { id: String },
}

/// Lists, shows or cancels requests.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        None | Some(Command::List) => {
            context.print_list(&api.get(&["requests"], &[]).await?, "requests", COLUMNS, "no requests");
        }
        Some(Command::Show { id }) => {
            let answer = api.get(&["requests", id], &[]).await?;
            if context.json { table::json(&answer) } else { print_request(&answer) }
        }
        Some(Command::Cancel { id }) => {
            let answer = api.take_back(&["requests", id]).await?;
            if context.json { table::json(&answer) } else { print_request(&answer) }
        }
    }
    Ok(())
}

/// Prints a request with what became of it on each device.
pub fn print_request(request: &Value) {
    let name = format!("{}@{}", text(request, "accessory"), text(request, "version"));
    table::line(format!("{} {name}, deadline {}", text(request, "id"), age(request, "deliver_by_ms")));
    let executions = table::rows(request, "executions");
    table::print(executions, EXECUTIONS, "no devices");
    for execution in executions {
        print_details(execution);
    }
}

fn print_details(execution: &Value) {
    let name = text(execution, "name");
    for value in table::rows(execution, "output") {
        table::line(format!("{name}: {} = {}", text(value, "name"), text(value, "value")));
    }
    for entry in table::rows(execution, "log") {
        table::line(format!("{name}: [{}] {}", text(entry, "level"), text(entry, "message")));
    }
}

/// Prints one line about an execution as it is now, and its output when it is over.
pub fn print_execution(execution: &Value) {
    let parts = [text(execution, "state"), progress(execution), text(execution, "summary")];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    table::line(clean(&format!("{}: {}", text(execution, "name"), told.join(" · "))));
    if execution["ended_ms"].is_i64() {
        print_details(execution);
    }
}

/// Follows a request until nothing more is to be waited for, and returns how it ended.
pub async fn watch(api: &Api, id: &str, mut each: impl FnMut(&Value)) -> Result<Value, Failure> {
    loop {
        let mut over = false;
        let take = |name: &str, data: Value| match name {
            "end" => over = data["over"] == true,
            _ => each(&data),
        };
        api.events(&["requests", id, "events"], take).await?;
        if over {
            return Ok(api.get(&["requests", id], &[]).await?);
        }
    }
}
