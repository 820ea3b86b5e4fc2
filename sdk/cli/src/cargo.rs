//! Cargo, asked to compile a guest.

use std::env;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::failure::Failure;
use crate::files;

const TARGET: &str = "wasm32-unknown-unknown";
/// The profile that a workspace may define for accessories: small, without symbols.
const PROFILE: &str = "accessory";
const MANIFEST_BYTES_MAX: usize = 1024 * 1024;
/// Separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

const NO_TARGET: &str = "this Rust has no standard library for wasm32-unknown-unknown. Install it:\n  \
    rustup target add wasm32-unknown-unknown\n\
    Where rustup cannot fetch it, `fitment build --help` says how the library is built from its sources";

/// Compiles the guest in a folder and returns the core module.
pub fn build(folder: &Path, stack_bytes: u32, target_dir: Option<&Path>) -> Result<PathBuf, Failure> {
    let manifest = folder.join("Cargo.toml");
    if !manifest.exists() {
        return Err(Failure::environment(format!(
            "there is no Cargo.toml in {}: accessories in Rust are built by cargo",
            folder.display()
        )));
    }
    let mut command = cargo(folder);
    command.args(["build", "--target", TARGET]);
    if workspace_has_profile(folder)? {
        command.args(["--profile", PROFILE])
    } else {
        command.arg("--release")
    };
    let ansi = std::io::stderr().is_terminal();
    command.arg(if ansi { "--message-format=json-diagnostic-rendered-ansi" } else { "--message-format=json" });
    if let Some(target_dir) = target_dir {
        command
            .arg("--target-dir")
            .arg(std::path::absolute(target_dir).map_err(|e| files::cannot("use", target_dir, &e))?);
    }
    // The names of functions stay, so that a trap can be read; what else there is of them is taken out later.
    for profile in ["ACCESSORY", "RELEASE"] {
        command.env(format!("CARGO_PROFILE_{profile}_STRIP"), "debuginfo");
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", rust_flags(stack_bytes));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|e| no_cargo(&e))?;
    let seen = follow(&mut child, &manifest);
    let status = child.wait().map_err(|e| Failure::environment(format!("cargo got lost: {e}")))?;
    match seen {
        Messages { target_missing: true, .. } if !status.success() => Err(Failure::environment(NO_TARGET)),
        _ if !status.success() => {
            Err(Failure::environment(format!("cargo could not build {}: {status}", folder.display())))
        }
        Messages { module: Some(module), .. } => Ok(module),
        _ => Err(Failure::environment(format!(
            "{} makes no module: write crate-type = [\"cdylib\"] under [lib]",
            manifest.display()
        ))),
    }
}

fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

fn no_cargo(error: &std::io::Error) -> Failure {
    Failure::environment(format!(
        "cargo cannot be started: {}. Install Rust, or set CARGO to its path",
        files::reason(error)
    ))
}

fn workspace_has_profile(folder: &Path) -> Result<bool, Failure> {
    let output = cargo(folder)
        .args(["locate-project", "--workspace", "--message-format", "plain"])
        .output()
        .map_err(|e| no_cargo(&e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::environment(format!("cargo does not accept {}: {}", folder.display(), said.trim())));
    }
    let root = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let text = files::read_text(&root, MANIFEST_BYTES_MAX)?;
    let manifest: toml::Table = toml::from_str(&text)
        .map_err(|e| Failure::environment(format!("{}: {}", root.display(), e.to_string().trim_end())))?;
    Ok(manifest.get("profile").and_then(|profiles| profiles.get(PROFILE)).is_some())
}

/// Adds ours to the flags that the author set, which cargo would otherwise forget.
fn rust_flags(stack_bytes: u32) -> OsString {
    let encoded = env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain =
        || env::var("RUSTFLAGS").map(|flags| flags.split_whitespace().collect::<Vec<_>>().join(FLAG_SEPARATOR)).ok();
    let ours = format!("-Clink-arg=-zstack-size={stack_bytes}");
    let theirs = encoded.or_else(plain).filter(|flags| !flags.is_empty());
    theirs.map_or_else(|| ours.clone(), |flags| format!("{flags}{FLAG_SEPARATOR}{ours}")).into()
}

#[derive(Default)]
struct Messages {
    module: Option<PathBuf>,
    target_missing: bool,
}

/// Shows what the compiler says while it says it, and takes note of what it made.
fn follow(child: &mut Child, manifest: &Path) -> Messages {
    let mut seen = Messages::default();
    let wanted = manifest.canonicalize().unwrap_or_else(|_| manifest.to_path_buf());
    let Some(stdout) = child.stdout.take() else { return seen };
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        match message["reason"].as_str() {
            Some("compiler-message") => {
                let said = &message["message"];
                let _ = write!(std::io::stderr().lock(), "{}", said["rendered"].as_str().unwrap_or_default());
                let lacks_library =
                    said["message"].as_str().is_some_and(|m| m.contains("`core`") || m.contains("`std`"));
                seen.target_missing |= said["code"]["code"] == "E0463" && lacks_library;
            }
            Some("compiler-artifact")
                if is_cdylib(&message) && Path::new(message["manifest_path"].as_str().unwrap_or("")) == wanted =>
            {
                let files = message["filenames"].as_array().into_iter().flatten().filter_map(Value::as_str);
                seen.module = files.map(PathBuf::from).find(|file| file.extension().is_some_and(|e| e == "wasm"));
            }
            _ => {}
        }
    }
    seen
}

fn is_cdylib(message: &Value) -> bool {
    message["target"]["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
}
