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
        let rows = rows.as_array_mut().into_iter().flatten().collect();
        self.put_names_in(api, rows, members).await
    }

    /// Puts names into things that lie wherever they lie.
    pub async fn put_names_in(
        &self,
        api: &Api,
        mut rows: Vec<&mut Value>,
        members: &[(&str, &Directory)],
    ) -> Result<(), Failure> {
        for (member, directory) in members.iter().filter(|_| !self.json) {
            let is_one = |id: &Value| id.as_str().is_some_and(|id| id.starts_with(directory.prefix));
            let has_one = |row: &&mut Value| match row.get(*member) {
                Some(Value::Array(ids)) => ids.iter().any(is_one),
                id => id.is_some_and(is_one),
            };
            // A list is fetched only where it has a name to give.
            if !rows.iter().any(has_one) {
                continue;
            }
            let names = directory.names(api).await?;
            let named = |id: &mut Value| {
                if let Some(name) = id.as_str().and_then(|id| names.get(id)) {
                    *id = name.as_str().into();
                }
            };
            for row in &mut rows {
                match row.get_mut(*member) {
                    Some(Value::Array(ids)) => ids.iter_mut().for_each(named),
                    Some(id) => named(id),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Prints one thing, with names in the place of ids.
    pub async fn print_named(
        &self,
        api: &Api,
        mut answer: Value,
        members: &[(&str, &Directory)],
    ) -> Result<(), Failure> {
        self.put_names_in(api, vec![&mut answer], members).await?;
        self.print_record(&answer);
        Ok(())
    }

    /// Prints a list of the marketplace.
    pub fn print_list(&self, answer: &Value, member: &str, columns: &[Column], none: &str) {
        if self.json {
            return table::json(answer);
        }
        table::print(table::rows(answer, member), columns, none);
        if answer["complete"] == false {
            match answer["next"].as_str() {
                Some(next) => {
                    eprintln!("There are more: narrow the list, or go on with --after {}", table::clean(next))
                }
                None => eprintln!("There are more: narrow the list"),
            }
        }
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
