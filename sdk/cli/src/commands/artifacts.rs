//! `fitment artifacts` and `fitment compiled-code`

use fitment_domain::artifact::Target;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::{ReleaseRef, target};
use crate::table::{Column, age, text};

const COLUMNS: &[Column] = &[
    ("TARGET", |a| text(a, "target")),
    ("BUILD", |a| text(a, "build")),
    ("STATE", |a| text(a, "state")),
    ("SHA256", |a| text(a, "digest").chars().take(12).collect()),
    ("CHANGED", |a| age(a, "changed_ms")),
    ("WHY", |a| text(a, "reason")),
];

/// What `fitment artifacts` takes.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the compiled code of a release, and what became of each attestation
    List {
        /// publisher/name@version
        release: ReleaseRef,
    },
    /// Operator: hand compiled code of a release out no more
    Withdraw {
        /// publisher/name@version
        release: ReleaseRef,
        /// For which machines
        #[arg(long, value_parser = target)]
        target: Target,
        /// Why; the publisher reads it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Operator: let the publisher attest withdrawn code again
    AllowAgain {
        /// publisher/name@version
        release: ReleaseRef,
        /// For which machines
        #[arg(long, value_parser = target)]
        target: Target,
    },
    /// Operator: show or set the number of the earliest compiler whose code counts
    Minimum { build: Option<u32> },
}

/// What `fitment compiled-code` takes.
#[derive(Debug, clap::Subcommand)]
pub enum Choice {
    /// Say what was chosen (default)
    Show,
    /// Let devices run code that publisher and marketplace compiled and both signed
    Accept,
    /// Let every device compile for itself
    Refuse,
}

/// Lists, withdraws or allows compiled code, or sets the earliest compiler.
pub async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    let api = context.api()?;
    match command {
        Command::List { release: ReleaseRef { name, version } } => {
            let path = ["releases", &name.publisher, &name.name, &version.to_string(), "artifacts"];
            context.print_list(
                &api.get(&path, &[]).await?,
                "artifacts",
                COLUMNS,
                "nobody attested compiled code of it",
            );
        }
        Command::Withdraw { release: ReleaseRef { name, version }, target, reason } => {
            let version = version.to_string();
            let path = ["releases", &name.publisher, &name.name, &version, "artifacts", target.as_str(), "withdrawal"];
            let answer = api.post(&path, &json!({ "reason": reason })).await?;
            context.print_list(&answer, "artifacts", COLUMNS, "nothing was withdrawn");
        }
        Command::AllowAgain { release, target } => {
            let (name, version) = (&release.name, release.version.to_string());
            let path = ["releases", &name.publisher, &name.name, &version, "artifacts", target.as_str(), "withdrawal"];
            api.delete(&path).await?;
            let words = format!("code of {release} for {target} can be attested again");
            context.print_done(&json!({ "release": release.to_string(), "target": target }), &words);
        }
        Command::Minimum { build } => {
            let answer = match build {
                Some(build) => api.put(&["compiler-minimum"], &json!({ "build_min": build })).await?,
                None => api.get(&["compiler-minimum"], &[]).await?,
            };
            context
                .print_done(&answer, &format!("compiled code counts from compiler {} on", text(&answer, "build_min")));
        }
    }
    Ok(())
}

/// Shows or makes the MSP's choice.
pub async fn choose(context: &Context, choice: Option<&Choice>) -> Result<(), Failure> {
    let api = context.api()?;
    let answer = match choice {
        Some(Choice::Accept) => api.put(&["compiled-code"], &json!({ "accepted": true })).await?,
        Some(Choice::Refuse) => api.put(&["compiled-code"], &json!({ "accepted": false })).await?,
        None | Some(Choice::Show) => api.get(&["compiled-code"], &[]).await?,
    };
    let words = if answer["accepted"] == true {
        "devices run code that publisher and marketplace compiled and both signed"
    } else {
        "every device compiles for itself"
    };
    context.print_done(&answer, words);
    Ok(())
}
