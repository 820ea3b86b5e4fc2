//! What every command is told: as whom to act, and how to print.

use serde_json::Value;

use crate::api::Api;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::reference::Directory;
use crate::table::{self, Column};

/// The options that all commands share.
pub struct Context {
    pub profile: String,
    pub json: bool,
}

impl Context {
    /// Returns the marketplace that the profile is signed in to.
    pub fn api(&self) -> Result<Api, Failure> {
        Ok(Api::signed_in(&Profile::load(&self.profile)?)?)
    }

    /// Puts names in the place of ids, for people: programs get the ids. A member is an id or a list of ids.
    pub async fn put_names(&self, api: &Api, rows: &mut Value, members: &[(&str, &Directory)]) -> Result<(), Failure> {
        let Some(rows) = rows.as_array_mut().filter(|rows| !self.json && !rows.is_empty()) else { return Ok(()) };
        for (member, directory) in members {
            let names = directory.names(api).await?;
            let named = |id: &mut Value| {
                if let Some(name) = id.as_str().and_then(|id| names.get(id)) {
                    *id = name.as_str().into();
                }
            };
            for row in &mut *rows {
                match row.get_mut(*member) {
                    Some(Value::Array(ids)) => ids.iter_mut().for_each(named),
                    Some(id) => named(id),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Prints a list of the marketplace.
    pub fn print_list(&self, answer: &Value, member: &str, columns: &[Column], none: &str) {
        if self.json { table::json(answer) } else { table::print(table::rows(answer, member), columns, none) }
    }

    /// Prints one thing of the marketplace.
    pub fn print_record(&self, answer: &Value) {
        if self.json { table::json(answer) } else { table::record(answer) }
    }

    /// Prints what was done: a sentence for people, the marketplace's answer for programs.
    pub fn print_done(&self, answer: &Value, sentence: &str) {
        if self.json { table::json(answer) } else { table::line(table::clean(sentence)) }
    }
}
