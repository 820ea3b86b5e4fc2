//! What every command is told: as whom to act, and how to print.

use serde_json::Value;

use crate::api::Api;
use crate::failure::Failure;
use crate::profile::Profile;
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
