//! Consent: nothing is installed or connected before somebody agreed to the sentences that the marketplace renders.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use serde_json::{Value, json};

use crate::api::{Api, ApiError};
use crate::failure::Failure;
use crate::table;

/// What the command line says about permissions.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Arguments {
    /// Agree to exactly these permissions
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    consent: Option<Vec<String>>,
    /// Agree to whatever is asked; it is printed
    #[arg(long, conflicts_with = "consent")]
    yes: bool,
}

/// Posts a body, with the consent that the command line gives or that a person gives now.
pub async fn post(api: &Api, path: &[&str], body: Value, arguments: &Arguments) -> Result<Value, Failure> {
    // Without an answer on the command line the marketplace is asked with none, and says what it wants.
    let none = json!(arguments.consent.as_deref().unwrap_or_default());
    agreed(body, Some(none), arguments, async |body| api.post(path, &body).await).await
}

/// Changes something, with such a consent where the change asks for more than was agreed to before.
pub async fn patch(api: &Api, path: &[&str], body: Value, arguments: &Arguments) -> Result<Value, Failure> {
    let given = arguments.consent.as_ref().map(|names| json!(names));
    agreed(body, given, arguments, async |body| api.patch(path, &body).await).await
}

async fn agreed(
    mut body: Value,
    first: Option<Value>,
    arguments: &Arguments,
    send: impl AsyncFn(Value) -> Result<Value, ApiError>,
) -> Result<Value, Failure> {
    if let Some(first) = first {
        body["consent"] = first;
    }
    let refusal = match send(body.clone()).await {
        Err(ApiError::Refused(refusal)) if refusal.code == "consent-needed" => refusal,
        other => return Ok(other?),
    };
    let asked = refusal.more.get("permissions").and_then(Value::as_array).cloned().unwrap_or_default();
    if arguments.consent.is_some() {
        return Err(Failure::refused(format!("{}\n{}", refusal.lines(), sentences(&asked))));
    }
    let names: Vec<&str> = asked.iter().filter_map(|permission| permission["name"].as_str()).collect();
    // To standard error: standard output belongs to the answer.
    eprintln!("It asks for:\n{}", sentences(&asked));
    let added = refusal.more.get("added").and_then(Value::as_array).cloned().unwrap_or_default();
    for sentence in added.iter().filter_map(Value::as_str) {
        eprintln!("  new: {}", table::clean(sentence));
    }
    if !arguments.yes {
        ask(&names)?;
    }
    body["consent"] = json!(names);
    Ok(send(body).await?)
}

fn sentences(asked: &[Value]) -> String {
    let line = |permission: &Value| {
        let member = |key: &str| table::text(permission, key);
        let optional = if permission["optional"] == true { " Optional: it does without." } else { "" };
        format!("  {}: {}{optional}\n    Its publisher says: {}", member("name"), member("sentence"), member("reason"))
    };
    asked.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn ask(names: &[&str]) -> Result<(), Failure> {
    let flag = format!("--consent {}", names.join(","));
    if !io::stdin().is_terminal() {
        return Err(Failure::environment(format!(
            "consent is needed and nobody can be asked here: agree with {flag}, or with --yes"
        )));
    }
    eprint!("Agree? [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|e| Failure::environment(format!("no answer could be read: {e}")))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::refused("not agreed: nothing was changed"))
}
