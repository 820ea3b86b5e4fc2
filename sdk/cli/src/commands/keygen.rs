//! `fitment keygen`

use std::path::PathBuf;

use fitment_domain::signature::PublicKey;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::key;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where the secret key goes [default: publisher.key in the folder of profiles]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Makes a publisher's key. A key that is there is never overwritten.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let path = arguments.out.clone().map_or_else(key::default_path, Ok)?;
    let public = PublicKey::of(&key::create(&path)?);
    let answer = json!({ "public_key": public, "file": path });
    context.print_done(&answer, &format!("public key {public}"));
    eprintln!("The secret key is in {}: keep a copy where only you reach it.", path.display());
    Ok(())
}
