//! `fitment build`

use std::path::{Path, PathBuf};

use fitment_domain::bytes::Digest;
use fitment_domain::validation::Severity;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::project::{FILE, Project};
use crate::{cargo, componentize, files, package_files, rules};

const MODULE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Where the standard library for WebAssembly comes from when rustup cannot fetch it.
pub const HELP: &str =
    "Accessories in Rust need the target wasm32-unknown-unknown: rustup target add wasm32-unknown-unknown

Where rustup cannot fetch it, cargo builds the standard library from its sources. On Debian, as root:
  apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-22
and then:
  RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22 \\
    CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc fitment build";

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    /// The accessory's folder, which holds fitment.toml
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Where the component and the listing go [default: dist in the accessory's folder]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Cargo's target folder
    #[arg(long, value_name = "FOLDER")]
    target_dir: Option<PathBuf>,
    /// Package this component, which another toolchain made, instead of compiling Rust
    #[arg(long, value_name = "FILE", conflicts_with = "target_dir")]
    component: Option<PathBuf>,
}

/// Compiles an accessory into the one file that runs, and writes its listing beside it.
pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let project = Project::read(&arguments.dir)?;
    // What the marketplace would refuse anyway is said before a minute of compiling.
    refuse_problems(&arguments.dir, &project)?;
    let built = match &arguments.component {
        Some(component) => component.clone(),
        None => cargo::build(&arguments.dir, project.stack_bytes, arguments.target_dir.as_deref())?,
    };
    let built = files::read(&built, MODULE_BYTES_MAX)?;
    let component = componentize::package(&built, &project.manifest, &project.listing)?;
    let listing = serde_json::to_vec_pretty(&project.listing)
        .map_err(|e| Failure::environment(format!("the listing cannot be written: {e}")))?;
    let folder = arguments.out.clone().unwrap_or_else(|| arguments.dir.join("dist"));
    let path = folder.join(format!("{}.wasm", package_files::stem(&project.manifest)));
    files::write(&path, &component)?;
    files::write(&package_files::beside(&path, "listing.json"), &listing)?;
    let digest = Digest::of(&component);
    let answer = json!({ "file": path, "bytes": component.len(), "digest": digest });
    context.print_done(&answer, &format!("{}  {} bytes  sha256 {digest}", path.display(), component.len()));
    Ok(())
}

fn refuse_problems(folder: &Path, project: &Project) -> Result<(), Failure> {
    let problems = rules::of_texts(&project.manifest, &project.listing);
    let errors: Vec<String> =
        problems.iter().filter(|p| p.severity == Severity::Error).map(|problem| project.lines(problem)).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{} cannot be published as it is, so it was not built\n{}",
        folder.join(FILE).display(),
        errors.join("\n")
    )))
}
