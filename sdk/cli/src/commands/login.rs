//! `fitment login` and `fitment logout`

use std::env;

use serde_json::json;

use crate::api::Api;
use crate::context::Context;
use crate::failure::Failure;
use crate::password;
use crate::profile::Profile;
use crate::table;

/// Where the password of a sign-in is looked for.
pub const PASSWORD_VARIABLE: &str = "FITMENT_PASSWORD";

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The marketplace, such as https://fitment.example.com
    #[arg(long)]
    url: String,
    #[arg(long)]
    email: String,
    /// Read the password from standard input [otherwise from the variable FITMENT_PASSWORD]
    #[arg(long)]
    password_stdin: bool,
}

/// Signs in and keeps the token in the profile.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let api = Api::at(&arguments.url)?;
    if api.is_exposed() {
        eprintln!("warning: {} is plain HTTP: password and token can be read on their way. Use https.", api.address());
    }
    let password = password::read(arguments.password_stdin, PASSWORD_VARIABLE)?;
    let label = env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "command line".to_owned());
    let body = json!({ "email": arguments.email, "password": password, "label": label });
    let answer = api.post(&["sessions"], &body).await?;
    let member = |path: &str| {
        let value = table::text(&answer, path);
        if value.is_empty() {
            Err(Failure::environment(format!("{} answered a sign-in without {path}", api.address())))
        } else {
            Ok(value)
        }
    };
    let profile = Profile {
        url: api.address().to_owned(),
        email: member("account.email")?,
        kind: member("account.kind")?,
        token: member("token")?,
        expires_ms: answer["expires_ms"].as_i64().unwrap_or_default(),
    };
    profile.save(&context.profile)?;
    let sentence = format!(
        "signed in to {} as {} ({}), profile {}, the token ends {}",
        profile.url,
        profile.email,
        profile.kind,
        context.profile,
        table::age(&answer, "expires_ms"),
    );
    // The token is in the profile and stays there.
    context.print_done(
        &json!({ "account": answer["account"], "expires_ms": profile.expires_ms, "profile": context.profile }),
        &sentence,
    );
    Ok(())
}

/// Ends the sign-in, there and here.
pub async fn log_out(context: &Context) -> Result<(), Failure> {
    context.api()?.delete(&["sessions", "current"]).await?;
    Profile::remove(&context.profile)?;
    context.print_done(&json!({ "profile": context.profile }), &format!("profile {} is signed out", context.profile));
    Ok(())
}
