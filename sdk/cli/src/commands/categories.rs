//! `fitment categories`

use serde_json::{Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::CATEGORIES;
use crate::table::{Column, rows, text};

const COLUMNS: &[Column] = &[
    ("ID", |c| text(c, "id")),
    ("NAME", |c| text(c, "name")),
    ("BOARD", |c| text(c, "board")),
    ("PRIORITY", |c| text(c, "priority")),
    ("DESCRIPTION", |c| text(c, "description")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Add one
    Add {
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change one; what is not named stays
    Set {
        /// Id or name
        category: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
}

/// What a category says beside its name.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Fields {
    #[arg(long)]
    description: Option<String>,
    /// The board, queue or project in the ticketing system
    #[arg(long)]
    board: Option<String>,
    /// The priority, as the ticketing system writes it
    #[arg(long)]
    priority: Option<String>,
}

/// Lists, adds or changes categories of tickets.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    let answer = match command {
        None | Some(Command::List) => {
            context.print_list(&api.get(&["categories"], &[]).await?, "categories", COLUMNS, "no categories");
            return Ok(());
        }
        Some(Command::Add { name, fields }) => {
            let new = json!({ "name": name, "description": "", "board": "", "priority": null });
            api.post(&["categories"], &over(new, None, fields)).await?
        }
        Some(Command::Set { category, name, fields }) => change(&api, category, name.as_deref(), fields).await?,
    };
    context.print_record(&answer);
    Ok(())
}

async fn change(api: &Api, category: &str, name: Option<&str>, fields: &Fields) -> Result<Value, Failure> {
    let id = CATEGORIES.id(api, category).await?;
    let all = api.get(&["categories"], &[]).await?;
    let old = rows(&all, "categories").iter().find(|row| row["id"] == id.as_str());
    let old =
        old.ok_or_else(|| Failure::refused(format!("there is no category {id}: `fitment categories` lists them")))?;
    let kept = json!({ "name": old["name"], "description": old["description"], "board": old["board"], "priority": old["priority"] });
    Ok(api.put(&["categories", &id], &over(kept, name, fields)).await?)
}

fn over(mut category: Value, name: Option<&str>, fields: &Fields) -> Value {
    let named = [
        ("name", name),
        ("description", fields.description.as_deref()),
        ("board", fields.board.as_deref()),
        ("priority", fields.priority.as_deref()),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            category[key] = value.into();
        }
    }
    category
}
