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
    ("TENANT", |a| text(a, "tenant")),
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
    /// Show for how many days an MSP's numbers are kept, or decide it
    Retention(Retention),
}

/// For how long numbers are kept: nothing given shows it.
#[derive(Debug, clap::Args)]
pub struct Retention {
    /// The MSP's tenant, as the list shows it
    tenant: String,
    /// Samples as they came
    #[arg(long, requires_all = ["five_minutes_days", "hours_days"])]
    samples_days: Option<u32>,
    /// Minimum, maximum and mean of five minutes
    #[arg(long, requires = "samples_days")]
    five_minutes_days: Option<u32>,
    /// The same of an hour
    #[arg(long, requires = "samples_days")]
    hours_days: Option<u32>,
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
    if let Some(Command::Retention(asked)) = command {
        let path = ["tenants", asked.tenant.as_str(), "retention"];
        let answer = match asked.samples_days {
            Some(samples) => {
                let body = json!({ "samples_days": samples, "five_minutes_days": asked.five_minutes_days,
                    "hours_days": asked.hours_days });
                api.put(&path, &body).await?
            }
            None => api.get(&path, &[]).await?,
        };
        context.print_record(&answer);
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
