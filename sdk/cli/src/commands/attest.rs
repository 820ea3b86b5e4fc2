//! `fitment attest`

use std::env;
use std::path::PathBuf;

use fitment_domain::artifact::{ARTIFACT_TYPE, ArtifactStatement, Target};
use fitment_domain::bytes::Digest;
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_runner_client::CompilerError;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::package_files::{self, PackageFiles};
use crate::project::Project;
use crate::reference::target;
use crate::{files, key, rules, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An accessory's folder, or a component that `fitment build` wrote
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    path: PathBuf,
    /// The secret key that signed the release [default: publisher.key in the folder of profiles]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// For which machines [default: those like this one]
    #[arg(long, value_parser = target)]
    target: Option<Target>,
    /// Write the signed statement beside the component, and upload nothing
    #[arg(long)]
    no_upload: bool,
}

/// Compiles a release here, signs what came of it, and tells the marketplace, which compiles too and compares.
pub async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let key = key::load_needed(&arguments.key.clone().map_or_else(key::default_path, Ok)?)?;
    let path = &arguments.path;
    let built = path.is_dir().then(|| package_files::built(path, &Project::read(path)?.manifest)).transpose()?;
    let files = PackageFiles::read(built.as_ref().unwrap_or(path))?;
    let target = arguments.target.map_or_else(like_this_one, Ok)?;
    let compiler = rules::compiler("compiled")?;
    let failed = |error: CompilerError| Failure::refused(format!("{} does not compile: {error}", files.name()));
    let build = compiler.build().await.map_err(|e| Failure::environment(e.to_string()))?;
    let code = compiler.compile_for(&files.component, target).await.map_err(failed)?;
    let said = ArtifactStatement {
        component: files.package.digest.clone(),
        target,
        build,
        digest: Digest::of(&code),
        bytes: code.len() as u64,
    };
    let envelope = Envelope::sign(ARTIFACT_TYPE, &said, &key).map_err(|e| Failure::environment(e.to_string()))?;
    let path = package_files::beside(&files.path, &format!("{target}.artifact.json"));
    files::write(&path, &envelope.to_json())?;
    if arguments.no_upload {
        let answer = json!({ "file": path, "artifact": said, "public_key": PublicKey::of(&key) });
        context.print_done(&answer, &format!("{} attested: {}", files.name(), path.display()));
        return Ok(());
    }
    let (name, version) = (&files.package.manifest.name, files.package.manifest.version.to_string());
    let body = serde_json::to_value(&envelope).map_err(|e| Failure::environment(e.to_string()))?;
    let route = ["releases", &name.publisher, &name.name, &version, "artifacts", target.as_str()];
    let answer = context.api()?.put(&route, &body).await?;
    let words = format!(
        "{} for {target}: {}, sha256 {}; the marketplace compiles it now, and countersigns what is the same",
        files.name(),
        table::text(&answer, "state"),
        said.digest
    );
    context.print_done(&answer, &words);
    Ok(())
}

/// Returns the target of machines with this one's architecture: compiling needs nothing of the processor that the code will need.
fn like_this_one() -> Result<Target, Failure> {
    let (arch, os) = (env::consts::ARCH, env::consts::OS);
    Target::of(arch, os, |_| true)
        .ok_or_else(|| Failure::environment(format!("no code is compiled for machines of {arch} with {os}")))
}
