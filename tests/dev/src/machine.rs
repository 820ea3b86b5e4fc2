//! What the machine has, what may be installed here and now, and what a person has to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::progress::{Reporter, Steps};
use crate::workspace::Workspace;
use crate::{deny, shell};

const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// Builds guests where rustup cannot fetch the target: a compiler that comes with the sources of its standard library.
const DEBIAN_WASM: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];

/// One thing that a task needs from the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    CCompiler,
    WasmTarget,
    PostgreSql,
    RequestTracker,
    Devices,
    Chromium,
    CargoDeny,
    /// What checks are made with today: the peer of a measurement.
    Plugins,
}

impl Thing {
    fn name(self) -> &'static str {
        match self {
            Self::CCompiler => "C compiler",
            Self::WasmTarget => "WebAssembly target",
            Self::PostgreSql => "PostgreSQL",
            Self::RequestTracker => "Request Tracker",
            Self::Devices => "devices to test on",
            Self::Chromium => "Chromium",
            Self::CargoDeny => "cargo-deny",
            Self::Plugins => "monitoring-plugins",
        }
    }
}

/// Says that a person has to act, and how.
#[derive(Debug)]
pub(crate) struct NeedsPerson(String);

impl fmt::Display for NeedsPerson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for NeedsPerson {}

/// Finds or installs each of `things`; all that a person has to do is collected into one [`NeedsPerson`].
pub(crate) fn prepare(steps: &mut Steps, workspace: &Workspace, things: &[Thing]) -> Result<()> {
    let mut asked = Vec::new();
    for &thing in things {
        let outcome = steps.run(thing.name(), |reporter| match thing {
            Thing::CCompiler => c_compiler(workspace, reporter),
            Thing::WasmTarget => wasm_target(workspace, reporter),
            Thing::PostgreSql => postgresql(workspace, reporter),
            Thing::RequestTracker => request_tracker(workspace, reporter),
            Thing::Devices => devices(workspace, reporter),
            Thing::Chromium => chromium(workspace, reporter),
            Thing::CargoDeny => deny::ensure(workspace, reporter),
            Thing::Plugins => plugins(workspace, reporter),
        });
        match outcome {
            Ok(()) => {}
            Err(error) if error.is::<NeedsPerson>() => asked.push(format!("  {error}")),
            Err(error) => return Err(error.context(thing.name())),
        }
    }
    if asked.is_empty() {
        Ok(())
    } else {
        Err(NeedsPerson(format!("this machine lacks something; run these, then try again:\n{}", asked.join("\n")))
            .into())
    }
}

fn c_compiler(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    if let Some(found) = working_c_compiler(workspace)? {
        return Ok(found);
    }
    apt(workspace, &["gcc", "libc6-dev"], "a C compiler with its headers is missing", reporter)?;
    working_c_compiler(workspace)?.context("gcc is installed and still compiles nothing; try: cc -v")
}

/// Compiles a file: a compiler without headers is a common half of an installation.
fn working_c_compiler(workspace: &Workspace) -> Result<Option<String>> {
    let source = workspace.logs()?.join("probe.c");
    std::fs::write(&source, "#include <stdlib.h>\nint probe(void) { return EXIT_SUCCESS; }\n")
        .context("cannot write a file to compile")?;
    let (source, object) =
        (source.to_string_lossy().into_owned(), source.with_extension("o").to_string_lossy().into_owned());
    let works = |name: &&String| shell::answer(name, &["-c", &source, "-o", &object]).is_some();
    let chosen = std::env::var("CC").ok();
    Ok(chosen.into_iter().chain(["cc", "gcc", "clang"].map(String::from)).find(|name| works(&name)))
}

fn wasm_target(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let present = || {
        let sysroot = shell::answer("rustc", &["--print", "sysroot"])?;
        Path::new(&sysroot).join("lib/rustlib").join(WASM_TARGET).join("lib").is_dir().then_some(())
    };
    if present().is_some() {
        let _ = std::fs::remove_dir_all(workspace.target.join("guest-cargo")); // from a time when the target was missing
        return Ok("there".to_owned());
    }
    let reason = match shell::which("rustup") {
        None => "rustup is not here".to_owned(),
        Some(rustup) => {
            let mut add = workspace.command(rustup);
            add.args(["target", "add", WASM_TARGET]);
            let finished = shell::run(add, &workspace.logs()?.join("rustup.log"), |line| reporter.says(line))?;
            if finished.status.success() && present().is_some() {
                return Ok("installed by rustup".to_owned());
            }
            "rustup could not fetch it".to_owned()
        }
    };
    reporter.says("from Debian's packages");
    apt(workspace, &DEBIAN_WASM, &format!("{WASM_TARGET}: {reason} (rustup target add {WASM_TARGET})"), reporter)?;
    write_guest_cargo(workspace)?;
    Ok(format!(
        "by Debian's {}, because {reason}; guests build their standard library themselves",
        DEBIAN_WASM.join(" ")
    ))
}

/// Returns the folder with a `cargo` for guests, once the target came from Debian's packages; the toolchain's own cargo otherwise.
///
/// Whoever builds an accessory puts the folder first on PATH and needs to know nothing else.
pub(crate) fn guest_cargo(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target.join("guest-cargo");
    folder.join("cargo").is_file().then_some(folder)
}

fn write_guest_cargo(workspace: &Workspace) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = workspace.target.join("guest-cargo");
    std::fs::create_dir_all(&folder).context("cannot make a folder for the guests' cargo")?;
    let script = "#!/bin/sh\n\
        # Debian's compiler has no compiled standard library for WebAssembly: it is built with the guest.\n\
        command=$1; shift\n\
        export RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-22\n\
        [ \"$command\" = build ] || exec /usr/bin/cargo \"$command\" \"$@\"\n\
        exec /usr/bin/cargo build -Zbuild-std=std,panic_abort \"$@\"\n";
    let file = folder.join("cargo");
    std::fs::write(&file, script).context("cannot write the guests' cargo")?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
        .context("cannot make the guests' cargo executable")
}

fn postgresql(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    if let Some(found) = postgresql_programs() {
        return Ok(found);
    }
    // The package would make and start a cluster of its own; the tests make theirs in a temporary folder.
    let settings = Path::new("/etc/postgresql-common/createcluster.d/fitment.conf");
    if is_root() {
        let folder = settings.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(settings, "create_main_cluster = false\n"))
            .context("cannot write PostgreSQL's package settings")?;
    }
    let installed = apt(workspace, &["postgresql"], "initdb and pg_ctl are missing", reporter);
    let _ = std::fs::remove_file(settings);
    installed?;
    postgresql_programs()
        .map(|found| format!("installed by apt: {found}"))
        .context("postgresql is installed, yet initdb is not to be found")
}

fn postgresql_programs() -> Option<String> {
    let complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = installed.map(|entry| entry.path().join("bin")).filter(complete).max();
    let on_path = || Some(shell::which("initdb")?.parent()?.to_path_buf()).filter(complete);
    let folder = newest.or_else(on_path)?;
    let version = shell::answer(&folder.join("pg_ctl").to_string_lossy(), &["--version"])?;
    let number = version.split_whitespace().nth(2).unwrap_or(&version);
    Some(format!("{number} in {}", folder.display()))
}

fn request_tracker(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let script = workspace.root.join("tests/real/request-tracker.sh");
    let script = script.to_string_lossy();
    if shell::answer(&script, &["installed"]).is_some() {
        return Ok("there".to_owned());
    }
    if !is_root() || shell::which("apt-get").is_none() {
        return Err(NeedsPerson(format!("Request Tracker is missing; as root on Debian 12: {script} install")).into());
    }
    let mut install = workspace.command(script.as_ref());
    install.arg("install");
    shell::run(install, &workspace.logs()?.join("request-tracker.log"), |line| reporter.says(line))?
        .ok("installing Request Tracker")?;
    Ok("installed by apt".to_owned())
}

/// Containers need root to be made and to be started: without it the tests that want one leave themselves out, and say so.
fn devices(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    if !is_root() {
        return Ok("left out: needs root".to_owned());
    }
    let script = workspace.root.join("tests/real/devices.sh");
    let script = script.to_string_lossy();
    if shell::answer(&script, &["installed"]).is_some() {
        return Ok("there".to_owned());
    }
    if shell::which("apt-get").is_none() {
        return Err(NeedsPerson(format!("devices to test on are missing; on Debian 12: {script} install")).into());
    }
    let mut install = workspace.command(script.as_ref());
    install.arg("install");
    shell::run(install, &workspace.logs()?.join("devices.log"), |line| reporter.says(line))?
        .ok("making the file system of the devices")?;
    Ok("installed by apt and debootstrap".to_owned())
}

fn chromium(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    let driver = || shell::answer("chromedriver", &["--version"]);
    if let Some(version) = driver() {
        return Ok(version);
    }
    apt(workspace, &["chromium", "chromium-driver"], "Chromium and its driver are missing", reporter)?;
    driver().context("chromium-driver is installed, yet chromedriver is not to be found")
}

fn plugins(workspace: &Workspace, reporter: &mut Reporter) -> Result<String> {
    apt(workspace, &["monitoring-plugins-basic"], "monitoring-plugins are missing", reporter)?;
    Ok("there".to_owned())
}

fn apt(workspace: &Workspace, packages: &[&str], why: &str, reporter: &mut Reporter) -> Result<()> {
    if debian_has(packages) {
        return Ok(());
    }
    if !is_root() || shell::which("apt-get").is_none() {
        return Err(NeedsPerson(format!(
            "{why}; as root on Debian: apt-get install --no-install-recommends {}",
            packages.join(" ")
        ))
        .into());
    }
    let mut install = Command::new(workspace.root.join("tests/real/apt-install.sh"));
    install.args(packages);
    let log = workspace.logs()?.join(format!("apt-{}.log", packages.first().unwrap_or(&"nothing")));
    shell::run(install, &log, |line| reporter.says(line))?.ok("apt-get install")
}

/// Tells whether all packages are installed, so that nobody needs root for what a person did already.
fn debian_has(packages: &[&str]) -> bool {
    let query = [&["--show", "--showformat", "${db:Status-Status} "][..], packages].concat();
    let states = shell::answer("dpkg-query", &query).unwrap_or_default();
    states.split_whitespace().filter(|state| *state == "installed").count() == packages.len()
}

fn is_root() -> bool {
    shell::answer("id", &["-u"]).is_some_and(|id| id == "0")
}
