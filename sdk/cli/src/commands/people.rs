//! `fitment people`

use serde_json::{Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::password;
use crate::reference::{CLIENTS, Directory, PEOPLE};
use crate::table::{Column, age, text};

const PASSWORD_VARIABLE: &str = "FITMENT_NEW_PASSWORD";

const COLUMNS: &[Column] = &[
    ("EMAIL", |p| text(p, "email")),
    ("ROLE", |p| text(p, "role")),
    ("CLIENTS", |p| text(p, "clients")),
    ("SINCE", |p| age(p, "created_ms")),
    ("DISABLED", |p| age(p, "disabled_ms")),
    ("ID", |p| text(p, "id")),
];

const NAMES: &[(&str, &Directory)] = &[("clients", &CLIENTS)];

/// What the command takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List them (default)
    List,
    /// Add somebody, with a first password that this person changes with `fitment password`
    Add {
        email: String,
        #[command(flatten)]
        may: May,
        /// Read the first password from standard input [otherwise from the variable FITMENT_NEW_PASSWORD]
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change what somebody may do; it holds from the next request on
    Change {
        /// Address or id
        person: String,
        #[command(flatten)]
        may: May,
    },
    /// Give somebody a new first password; who was disabled can sign in again
    Reset {
        /// Address or id
        person: String,
        /// Read the password from standard input [otherwise from the variable FITMENT_NEW_PASSWORD]
        #[arg(long)]
        password_stdin: bool,
    },
    /// End somebody's sign-ins, now and until a new password is given
    Disable {
        /// Address or id
        person: String,
    },
}

/// What somebody may do, and for whom.
#[derive(Debug, clap::Args)]
pub struct May {
    /// owner: everything; technician: works on devices; viewer: sees; client: somebody of a customer, sees the own devices
    #[arg(long, value_parser = ["owner", "technician", "viewer", "client"])]
    role: String,
    /// Only for this client: id or name; may be given several times [default: all clients; of somebody who is there, the same]
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// For every client, also those to come
    #[arg(long, conflicts_with = "clients")]
    all_clients: bool,
}

impl May {
    /// Makes what the marketplace is told; `there` is the id of somebody who is there, and whose clients stay unless others are named.
    async fn body(&self, api: &Api, there: Option<&str>) -> Result<Value, Failure> {
        if self.clients.is_empty() {
            let known = match there {
                Some(id) if !self.all_clients => api.get(&["people"], &[]).await?["people"]
                    .as_array()
                    .and_then(|people| people.iter().find(|person| person["id"] == id))
                    .map(|person| person["clients"].clone()),
                _ => None,
            };
            return Ok(json!({ "role": self.role, "clients": known.unwrap_or_else(|| json!("all")) }));
        }
        let mut ids = Vec::new();
        for client in &self.clients {
            ids.push(CLIENTS.id(api, client).await?);
        }
        Ok(json!({ "role": self.role, "clients": ids }))
    }
}

/// Lists, adds, changes or disables the people of an MSP.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        None | Some(Command::List) => {
            let mut answer = api.get(&["people"], &[]).await?;
            context.put_names(&api, &mut answer["people"], NAMES).await?;
            context.print_list(&answer, "people", COLUMNS, "no people");
        }
        Some(Command::Add { email, may, password_stdin }) => {
            let mut body = may.body(&api, None).await?;
            body["email"] = email.as_str().into();
            body["password"] = password::read(*password_stdin, PASSWORD_VARIABLE)?.into();
            let answer = api.post(&["people"], &body).await?;
            context.print_named(&api, answer, NAMES).await?;
        }
        Some(Command::Change { person, may }) => {
            let id = PEOPLE.id(&api, person).await?;
            let answer = api.put(&["people", &id], &may.body(&api, Some(&id)).await?).await?;
            context.print_named(&api, answer, NAMES).await?;
        }
        Some(Command::Reset { person, password_stdin }) => {
            let id = PEOPLE.id(&api, person).await?;
            let body = json!({ "password": password::read(*password_stdin, PASSWORD_VARIABLE)? });
            api.put(&["people", &id, "password"], &body).await?;
            context.print_done(
                &json!({ "id": id }),
                &format!("{person} signs in with the new password, and every earlier sign-in has ended"),
            );
        }
        Some(Command::Disable { person }) => {
            let id = PEOPLE.id(&api, person).await?;
            api.delete(&["people", &id]).await?;
            context.print_done(&json!({ "id": id }), &format!("{person} is disabled, and every sign-in has ended"));
        }
    }
    Ok(())
}
