//! `fitment rules`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{AccessoryRef, CATEGORIES};
use crate::table::{Column, text};

const COLUMNS: &[Column] = &[
    ("POSITION", |r| text(r, "position")),
    ("ACCESSORY", |r| or_any(text(r, "accessory"))),
    ("CONDITION", |r| or_any(text(r, "condition"))),
    ("CATEGORY", |r| text(r, "category")),
    ("ID", |r| text(r, "id")),
];

fn or_any(text: String) -> String {
    if text.is_empty() { "any".to_owned() } else { text }
}

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default); the lowest position that matches decides
    List,
    /// Add one
    Add {
        #[arg(long)]
        position: i64,
        /// The category that it gives: id or name
        #[arg(long)]
        category: String,
        /// Only for this accessory
        #[arg(long)]
        accessory: Option<AccessoryRef>,
        /// Only for this condition
        #[arg(long)]
        condition: Option<String>,
    },
    /// Remove one
    Remove { id: String },
}

/// Lists, adds or removes the rules that give tickets their category.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        None | Some(Command::List) => {
            let mut answer = api.get(&["category-rules"], &[]).await?;
            context.put_names(&api, &mut answer["rules"], &[("category", &CATEGORIES)]).await?;
            context.print_list(&answer, "rules", COLUMNS, "no rules");
        }
        Some(Command::Add { position, category, accessory, condition }) => {
            if accessory.as_ref().is_some_and(|accessory| accessory.version.is_some()) {
                return Err(Failure::environment("--accessory: a rule speaks of all versions: write publisher/name"));
            }
            let category = CATEGORIES.id(&api, category).await?;
            let mut body = json!({ "position": position, "category": category });
            if let Some(accessory) = accessory {
                body["accessory"] = json!(accessory.name);
            }
            if let Some(condition) = condition {
                body["condition"] = json!(condition);
            }
            let answer = api.post(&["category-rules"], &body).await?;
            context.print_named(&api, answer, &[("category", &CATEGORIES)]).await?;
        }
        Some(Command::Remove { id }) => {
            api.delete(&["category-rules", id]).await?;
            context.print_done(&json!({ "id": id }), &format!("{id} is removed"));
        }
    }
    Ok(())
}
