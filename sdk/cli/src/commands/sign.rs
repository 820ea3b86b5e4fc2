//! `fitment sign`

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::release::{RELEASE_TYPE, ReleaseStatement};
use fitment_domain::signature::{Envelope, PublicKey};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::package_files::PackageFiles;
use crate::{clock, files, key};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A component that `fitment build` wrote
    file: PathBuf,
    /// The secret key [default: publisher.key in the folder of profiles]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Signs a release and writes the statement beside the component.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let key = key::load_needed(&arguments.key.clone().map_or_else(key::default_path, Ok)?)?;
    let package = PackageFiles::read(&arguments.file)?;
    sign(&package, &key)?;
    let path = package.statement_path();
    let public = PublicKey::of(&key);
    let answer = json!({ "file": path, "digest": package.package.digest, "public_key": public });
    context.print_done(&answer, &format!("{} signed with {public}: {}", package.name(), path.display()));
    Ok(())
}

/// Signs what is published: the component, and the listing as it lies beside it.
pub fn sign(package: &PackageFiles, key: &SigningKey) -> Result<Vec<u8>, Failure> {
    let manifest = &package.package.manifest;
    let statement = ReleaseStatement {
        accessory: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind.clone(),
        digest: package.package.digest.clone(),
        listing_digest: Digest::of(&package.listing_bytes),
        created: clock::now(),
    };
    let envelope =
        Envelope::sign(RELEASE_TYPE, &statement, key).map_err(|e| Failure::environment(e.to_string()))?.to_json();
    files::write(&package.statement_path(), &envelope)?;
    Ok(envelope)
}
