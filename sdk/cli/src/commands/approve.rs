//! `fitment approve`

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::reference::ReleaseRef;
use crate::table;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// publisher/name@version
    release: ReleaseRef,
}

/// Approves a release: the marketplace countersigns and publishes it.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let ReleaseRef { name, version } = &arguments.release;
    let path = ["releases", &name.publisher, &name.name, &version.to_string(), "approval"];
    let answer = context.api()?.post(&path, &json!({})).await?;
    context.print_done(
        &answer,
        &format!("{}: {}, sha256 {}", arguments.release, table::text(&answer, "state"), table::text(&answer, "digest")),
    );
    Ok(())
}
