//! `fitment test-tenant`

use serde_json::json;

use super::login;
use crate::context::Context;
use crate::failure::Failure;
use crate::password;
use crate::table::text;

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make it, with the account that signs in to it
    Create {
        /// An address that no account has yet
        #[arg(long)]
        email: String,
        /// Read the password from standard input [otherwise from the variable FITMENT_PASSWORD]
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Makes the tenant in which the publisher's devices run what nobody approved yet.
pub async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let Command::Create { email, password_stdin } = command;
    let api = context.api()?;
    let password = password::read(*password_stdin, login::PASSWORD_VARIABLE)?;
    let answer = api.post(&["test-tenant"], &json!({ "email": email, "password": password })).await?;
    let sentence = format!(
        "test tenant {} is there; sign in to it: fitment login --url {} --email {email} --profile test",
        text(&answer, "tenant"),
        api.address()
    );
    context.print_done(&answer, &sentence);
    Ok(())
}
