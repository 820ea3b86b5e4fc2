//! `fitment accounts`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::password;
use crate::table::{Column, age, text};

const PASSWORD_VARIABLE: &str = "FITMENT_NEW_PASSWORD";

const COLUMNS: &[Column] = &[
    ("EMAIL", |a| text(a, "email")),
    ("KIND", |a| text(a, "kind")),
    ("ROLE", |a| text(a, "role")),
    ("NAME", |a| text(a, "name")),
    ("DEVICES", |a| text(a, "devices")),
    ("SINCE", |a| age(a, "created_ms")),
    ("DISABLED", |a| age(a, "disabled_ms")),
];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Add a publisher, an MSP or somebody of the staff, with a first password
    Add {
        #[arg(long, value_parser = ["publisher", "msp", "operator"])]
        kind: String,
        /// A publisher's namespace (a-z, 0-9, hyphens), or the name of the MSP or of the operator
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        /// Of an operator: owner does everything, reviewer decides about releases
        #[arg(long, value_parser = ["owner", "reviewer"], default_value = "owner")]
        role: String,
        /// Read the first password from standard input [otherwise from the variable FITMENT_NEW_PASSWORD]
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Lists or adds accounts of the marketplace.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    if let Some(Command::Add { kind, name, email, role, password_stdin }) = command {
        let password = password::read(*password_stdin, PASSWORD_VARIABLE)?;
        let body = json!({ "kind": kind, "role": role, "name": name, "email": email, "password": password });
        context.print_record(&api.post(&["accounts"], &body).await?);
        return Ok(());
    }
    context.print_list(&api.get(&["accounts"], &[]).await?, "accounts", COLUMNS, "no accounts");
    Ok(())
}

/// Changes the own password: the old one and the new one are the two lines of standard input.
pub async fn change_password(context: &Context) -> Result<(), Failure> {
    let api = context.api()?;
    let [old, new] = password::lines()?;
    api.put(&["me", "password"], &json!({ "old": old, "new": new })).await?;
    context.print_done(
        &json!({ "changed": true }),
        "the password is changed; every other sign-in of this account has ended",
    );
    Ok(())
}
