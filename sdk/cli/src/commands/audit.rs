//! `fitment audit`

use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{
    ACCOUNTS, CATEGORIES, CLIENTS, CONNECTIONS, DEVICES, Directory, INSTALLATIONS, LOCATIONS, PEOPLE,
};
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("NUMBER", |e| text(e, "sequence")),
    ("AT", |e| if e.get("at_ms").is_some() { age(e, "at_ms") } else { age(e, "at") }),
    ("WHO", |e| text(e, "actor")),
    ("DID", |e| text(e, "action")),
    ("TO", |e| text(e, "subject")),
    ("DETAILS", |e| text(e, "details")),
];

/// People of the own MSP, then accounts of the marketplace: nobody may see both lists.
const NAMES: &[(&str, &Directory)] = &[
    ("actor", &PEOPLE),
    ("actor", &ACCOUNTS),
    ("subject", &PEOPLE),
    ("subject", &ACCOUNTS),
    ("subject", &DEVICES),
    ("subject", &CLIENTS),
    ("subject", &LOCATIONS),
    ("subject", &INSTALLATIONS),
    ("subject", &CATEGORIES),
    ("subject", &CONNECTIONS),
];

/// Lists the audit log, and fails if its chain of hashes is broken.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let api = context.api()?;
    let mut answer = api.get(&["audit"], &[]).await?;
    context.put_names(&api, &mut answer["entries"], NAMES).await?;
    context.print_list(&answer, "entries", COLUMNS, "no entries");
    if answer.get("intact").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(Failure::refused("the chain of hashes is broken: an entry was changed or removed after it was written"))
}
