//! `fitment tickets`

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::listing::Part;
use crate::reference::{CONNECTIONS, DEVICES, Directory};
use crate::table::{Column, text};

const COLUMNS: &[Column] = &[
    ("NUMBER", |t| text(t, "number")),
    ("STATE", |t| text(t, "state")),
    ("DEVICE", |t| text(t, "device")),
    ("CATEGORY", |t| text(t, "category")),
    ("BOARD", |t| text(t, "board")),
    ("COUNT", |t| text(t, "occurrences")),
    ("THERE", |t| text(t, "external_number")),
    ("STATUS", |t| text(t, "external_status")),
    ("URL", |t| text(t, "external_url")),
    ("SUMMARY", |t| text(t, "summary")),
    ("PROBLEM", |t| text(t, "problem")),
];

const NOTES: &[Column] = &[
    ("CREATED", |n| text(n, "created_ms")),
    ("FROM", |n| text(n, "source")),
    ("AUTHOR", |n| text(n, "author")),
    ("FOR", |n| text(n, "audience")),
    ("NOTE", |n| text(n, "body")),
];

const NAMES: &[(&str, &Directory)] = &[("device", &DEVICES), ("connection", &CONNECTIONS)];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List(Part),
    /// Show one with its notes, by number or id
    Show { id: String },
    /// Write a note on one; it goes to the ticketing system too
    Note {
        id: String,
        body: String,
        /// The customer reads it too
        #[arg(long)]
        customer: bool,
    },
    /// Change one, here and in the ticketing system
    Change(Change),
    /// Make one by hand
    Create(Create),
}

/// What is to be other than it was.
#[derive(Debug, clap::Args)]
pub struct Change {
    id: String,
    #[arg(long)]
    summary: Option<String>,
    #[arg(long)]
    board: Option<String>,
    #[arg(long)]
    priority: Option<String>,
    /// open or resolved; say why with --reason
    #[arg(long)]
    status: Option<String>,
    #[arg(long)]
    reason: Option<String>,
}

/// What a new ticket is.
#[derive(Debug, clap::Args)]
pub struct Create {
    #[arg(long)]
    summary: String,
    /// By name or id; it gives board and priority
    #[arg(long)]
    category: String,
    #[arg(long)]
    description: Option<String>,
    #[arg(long)]
    board: Option<String>,
    #[arg(long)]
    priority: Option<String>,
    /// The device that it is about: id or name
    #[arg(long)]
    device: Option<String>,
}

/// Lists tickets, or shows, makes or changes one.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    let answer = match command {
        None | Some(Command::List(_)) => {
            let query = if let Some(Command::List(part)) = command { part.query() } else { Vec::new() };
            let mut answer = api.get(&["tickets"], &query).await?;
            context.put_names(&api, &mut answer["tickets"], NAMES).await?;
            context.print_list(&answer, "tickets", COLUMNS, "no tickets");
            return Ok(());
        }
        Some(Command::Show { id }) => {
            let mut answer = api.get(&["tickets", id], &[]).await?;
            if context.json {
                context.print_record(&answer);
                return Ok(());
            }
            let notes = json!({ "notes": answer.as_object_mut().and_then(|ticket| ticket.remove("notes")) });
            context.print_named(&api, answer, NAMES).await?;
            context.print_list(&notes, "notes", NOTES, "no notes");
            return Ok(());
        }
        Some(Command::Note { id, body, customer }) => {
            let audience = if *customer { "customer" } else { "internal" };
            api.post(&["tickets", id, "notes"], &json!({ "body": body, "audience": audience })).await?
        }
        Some(Command::Change(change)) => {
            let given = [
                ("summary", &change.summary),
                ("board", &change.board),
                ("priority", &change.priority),
                ("status", &change.status),
                ("reason", &change.reason),
            ];
            api.patch(&["tickets", &change.id], &body(&given)).await?
        }
        Some(Command::Create(new)) => {
            let (summary, category) = (Some(new.summary.clone()), Some(new.category.clone()));
            let device = match &new.device {
                Some(device) => Some(DEVICES.id(&api, device).await?),
                None => None,
            };
            let given = [
                ("summary", &summary),
                ("category", &category),
                ("description", &new.description),
                ("board", &new.board),
                ("priority", &new.priority),
                ("device", &device),
            ];
            api.post(&["tickets"], &body(&given)).await?
        }
    };
    context.print_named(&api, answer, NAMES).await
}

fn body(given: &[(&str, &Option<String>)]) -> Value {
    let given = given.iter().filter_map(|(name, value)| Some(((*name).to_owned(), Value::from((*value).clone()?))));
    Value::Object(given.collect::<Map<_, _>>())
}
