//! `fitment reject`, `fitment deprecate`, `fitment yank`, and the ways back

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::ReleaseRef;
use crate::table;

/// A release, why, and what to take instead.
#[derive(Debug, clap::Args)]
pub struct Notice {
    /// publisher/name@version
    release: ReleaseRef,
    /// Why, in one line that MSPs read
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What to take instead
    #[arg(long, value_name = "publisher/name[@version]")]
    replacement: Option<String>,
}

/// A release.
#[derive(Debug, clap::Args)]
pub struct Back {
    /// publisher/name@version
    release: ReleaseRef,
}

/// Moves a release on: `to` is `rejection`, `deprecation` or `yank`.
pub async fn on(context: &Context, notice: &Notice, to: &str) -> Result<(), Failure> {
    let mut body = json!({ "reason": notice.reason });
    if let Some(replacement) = &notice.replacement {
        body["replacement"] = json!(replacement);
    }
    let ReleaseRef { name, version } = &notice.release;
    let path = ["releases", &name.publisher, &name.name, &version.to_string(), to];
    report(context, &notice.release, &context.api()?.post(&path, &body).await?);
    Ok(())
}

/// Takes it back.
pub async fn back(context: &Context, back: &Back, from: &str) -> Result<(), Failure> {
    let ReleaseRef { name, version } = &back.release;
    let path = ["releases", &name.publisher, &name.name, &version.to_string(), from];
    report(context, &back.release, &context.api()?.delete(&path).await?);
    Ok(())
}

fn report(context: &Context, release: &ReleaseRef, answer: &Value) {
    let what = match table::text(answer, "state").as_str() {
        "deprecated" => "is deprecated: it can be installed, and whoever does is warned",
        "yanked" => "is yanked: nobody installs it any more, and where it runs it goes on",
        "rejected" => "is rejected: its version is used up",
        _ => "is published",
    };
    context.print_done(answer, &format!("{release} {what}"));
}
