//! `fitment ceilings` and `fitment plans`

use fitment_domain::ceiling;
use serde_json::{Value, json};

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{CLIENTS, DEVICES};
use crate::table::{self, Column, age, text};

const COLUMNS: &[Column] = &[
    ("OF", |c| text(c, "subject")),
    ("LETS THROUGH", |c| match table::rows(c, "sentences") {
        [] => "nothing".to_owned(),
        _ => text(c, "sentences"),
    }),
    ("CHANGED", |c| age(c, "changed_ms")),
];

const PERMITTED: &[Column] = &[
    ("ACCESSORY", |i| format!("{}@{}", text(i, "accessory"), text(i, "version"))),
    ("PERMITTED", |i| if i["permitted"].as_bool() == Some(true) { "yes".to_owned() } else { "no".to_owned() }),
    ("MAY", |i| text(i, "permissions")),
    ("TAKEN AWAY", |i| {
        let sentences = table::rows(i, "taken").iter().map(|taken| text(taken, "sentence"));
        sentences.collect::<Vec<_>>().join("; ")
    }),
];

/// What a ceiling lets through.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = true)]
pub struct Allowed {
    /// A permission, as far as it goes or within patterns: metrics, http=https://*.example.com, files:read=/var/**,/tmp/**,
    /// http.secrets=token. What is not named is taken away
    #[arg(long = "allow", value_name = "PERMISSION[=PATTERN,...]")]
    allow: Vec<String>,
    /// Let nothing through
    #[arg(long, conflicts_with = "allow")]
    nothing: bool,
}

impl Allowed {
    /// Returns the body of a request.
    fn body(&self) -> Result<Value, Failure> {
        if self.nothing {
            return Ok(json!({ "permissions": {} }));
        }
        let written = ceiling::from_words(self.allow.iter().map(String::as_str));
        let written = written.map_err(|error| Failure::Environment(format!("--allow: {error}")))?;
        Ok(json!({ "permissions": written }))
    }
}

/// Whose ceiling: the MSP's own, unless something else is named.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Of {
    /// Of a client: id or name
    #[arg(long, conflicts_with = "device")]
    client: Option<String>,
    /// Of a device: id or name
    #[arg(long)]
    device: Option<String>,
}

impl Of {
    async fn subject(&self, api: &Api) -> Result<String, Failure> {
        Ok(match (&self.client, &self.device) {
            (Some(client), _) => CLIENTS.id(api, client).await?,
            (_, Some(device)) => DEVICES.id(api, device).await?,
            _ => "msp".to_owned(),
        })
    }
}

/// What `fitment ceilings` takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the plan and every ceiling (default)
    List,
    /// Set the ceiling of the MSP, of a client or of a device
    Set {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        allowed: Allowed,
    },
    /// Remove a ceiling: it takes nothing away any more
    Remove {
        #[command(flatten)]
        of: Of,
    },
    /// Show what the accessories on a device may do there, and what is taken away
    Device {
        /// Id or name
        device: String,
    },
}

/// What `fitment plans` takes.
#[derive(Debug, clap::Subcommand)]
pub enum Plans {
    /// List them (default)
    List,
    /// Define a plan, or change it
    Define {
        /// a-z, 0-9 and hyphens
        name: String,
        #[command(flatten)]
        allowed: Allowed,
    },
    /// Remove a plan that no MSP has
    Remove { name: String },
    /// Give an MSP a plan; without a name none, which takes nothing away
    Assign {
        /// The MSP's tenant, as `fitment accounts` shows it
        tenant: String,
        name: Option<String>,
    },
}

/// Lists, sets or removes ceilings, or shows what they leave on a device.
pub async fn run(context: &Context, command: Option<&Command>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        Some(Command::Set { of, allowed }) => {
            context.print_record(&api.put(&["permission-ceilings", &of.subject(&api).await?], &allowed.body()?).await?);
        }
        Some(Command::Remove { of }) => {
            let of = of.subject(&api).await?;
            api.delete(&["permission-ceilings", &of]).await?;
            context.print_done(&json!({ "removed": of }), &format!("the ceiling of {of} is removed"));
        }
        Some(Command::Device { device }) => {
            let answer = api.get(&["devices", &DEVICES.id(&api, device).await?, "permissions"], &[]).await?;
            context.print_list(&answer, "installations", PERMITTED, "nothing is installed for this device");
        }
        None | Some(Command::List) => {
            let answer = api.get(&["permission-ceilings"], &[]).await?;
            if !context.json && !answer["plan"].is_null() {
                table::line(format!(
                    "plan {}: {}",
                    text(&answer["plan"], "subject"),
                    text(&answer["plan"], "sentences")
                ));
            }
            context.print_list(&answer, "ceilings", COLUMNS, "no ceilings: nothing is taken away");
        }
    }
    Ok(())
}

/// Lists, defines, removes or assigns plans.
pub async fn plans(context: &Context, command: Option<&Plans>) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        Some(Plans::Define { name, allowed }) => {
            context.print_record(&api.put(&["plans", name], &allowed.body()?).await?);
        }
        Some(Plans::Remove { name }) => {
            api.delete(&["plans", name]).await?;
            context.print_done(&json!({ "removed": name }), &format!("the plan {name} is removed"));
        }
        Some(Plans::Assign { tenant, name }) => {
            let answer = api.put(&["tenants", tenant, "plan"], &json!({ "plan": name })).await?;
            context.print_done(&answer, &name.as_ref().map_or("no plan".to_owned(), |name| format!("plan {name}")));
        }
        None | Some(Plans::List) => {
            context.print_list(&api.get(&["plans"], &[]).await?, "plans", COLUMNS, "no plans: nothing is taken away");
        }
    }
    Ok(())
}
