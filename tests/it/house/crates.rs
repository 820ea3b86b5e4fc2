//! Who may depend on whom, and who may name what.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::assert_none;
use super::scan::word_positions;
use super::source::{Source, root, rust};

/// The arrows between our crates. What is not here is forbidden; accessories see the SDK, tests see everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("fitment-domain", &[]),
    ("fitment-device", &["fitment-domain"]),
    ("fitment-runtime", &["fitment-domain", "fitment-device"]),
    ("fitment-runner-client", &["fitment-domain"]),
    ("fitment-store", &["fitment-domain"]),
    ("fitment-server", &["fitment-runner-client", "fitment-store", "fitment-domain"]),
    ("fitment-agent", &["fitment-runner-client", "fitment-device", "fitment-domain"]),
    ("fitment-sdk", &[]),
    ("fitment-cli", &["fitment-runner-client", "fitment-domain"]),
];

/// Technologies with one owner each; their families (`sqlx-core`, `axum-server`) belong to the same.
const OWNERS: &[(&str, &str)] = &[
    ("wasmtime", "fitment-runtime"),
    ("sqlx", "fitment-store"),
    ("object_store", "fitment-store"),
    ("axum", "fitment-server"),
];

/// C1's libraries, and the crates in which each does its work.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("wasmtime", &["fitment-runtime"]),
    ("axum", &["fitment-server"]),
    ("tokio", &["fitment-server", "fitment-agent", "fitment-runner-client"]),
    ("sqlx", &["fitment-store"]),
    ("serde", &["fitment-domain"]),
    ("ed25519-dalek", &["fitment-domain"]),
    ("sha2", &["fitment-domain"]),
    ("semver", &["fitment-domain"]),
    ("tracing", &["fitment-server", "fitment-agent"]),
];

/// One package of the workspace.
#[derive(Debug, Clone)]
struct Package {
    name: String,
    /// Its folder from the top of the repository.
    folder: String,
    /// Direct dependencies of every kind, for every system.
    dependencies: BTreeSet<String>,
}

impl Package {
    fn is_test(&self) -> bool {
        self.folder == "tests" || self.folder.starts_with("tests/")
    }

    /// Returns what it may depend on within the house; none if nobody has decided that.
    fn allowed(&self) -> Option<&'static [&'static str]> {
        if self.folder.starts_with("accessories/") {
            return Some(&["fitment-sdk"]);
        }
        ARROWS.iter().find(|(name, _)| *name == self.name).map(|(_, allowed)| *allowed)
    }
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output =
        Command::new(program).args(arguments).args(["--offline", "--locked"]).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn workspace() -> Vec<Package> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).unwrap();
    let top = root();
    let package = |package: &Value| {
        let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        Package {
            name: package["name"].as_str().unwrap().to_owned(),
            folder: manifest.parent().unwrap().strip_prefix(&top).unwrap().to_string_lossy().into_owned(),
            dependencies: dependencies.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect(),
        }
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

/// Returns the names of everything that a program is built from.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let listed = cargo(&[&["tree", "--edges", "normal", "--prefix", "none"], arguments].concat());
    let names: BTreeSet<String> =
        listed.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    assert!(names.len() > 10, "cargo tree {arguments:?} lists only {names:?}");
    names
}

fn of_family(name: &str, library: &str) -> bool {
    name.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| !package.is_test()) {
        let Some(allowed) = package.allowed() else {
            found.push(format!(
                "{} is new: a crate is added only when another program needs a part without the rest",
                package.name
            ));
            continue;
        };
        let inside = package.dependencies.iter().filter(|name| ours.contains(name.as_str()));
        let wrong = inside.filter(|name| !allowed.contains(&name.as_str()));
        found.extend(wrong.map(|name| format!("{} → {name} is not an arrow of the house", package.name)));
    }
    found
}

fn wrong_owners(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| !package.is_test()) {
        for (library, owner) in OWNERS.iter().filter(|(_, owner)| *owner != package.name) {
            let taken = package.dependencies.iter().filter(|name| of_family(name, library));
            found.extend(taken.map(|name| format!("{} names {name}: only {owner} may", package.name)));
        }
    }
    found
}

fn idle_libraries(packages: &[Package], sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for (library, owners) in LIBRARIES {
        for owner in *owners {
            let package = packages.iter().find(|package| package.name == *owner);
            let depends = package.is_some_and(|package| package.dependencies.contains(*library));
            let path = format!("{}::", library.replace('-', "_"));
            let folder = package.map_or(String::new(), |package| format!("{}/src/", package.folder));
            let mut own = sources.iter().filter(|source| package.is_some() && source.path.starts_with(&folder));
            if !depends || !own.any(|source| source.code().contains(&path)) {
                found.push(format!("{owner} does not use {library}"));
            }
        }
    }
    found
}

fn unwanted(tree: &BTreeSet<String>, families: &[&str]) -> Vec<String> {
    tree.iter().filter(|name| families.iter().any(|family| of_family(name, family))).cloned().collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_house() {
    assert_none("arrows", &wrong_arrows(&workspace()));
}

#[test]
fn each_technology_has_one_owner() {
    assert_none("owners", &wrong_owners(&workspace()));
}

// proves C1 (each library in the crate that owns it)
#[test]
fn each_library_works_in_the_crate_that_owns_it() {
    assert_none("libraries", &idle_libraries(&workspace(), &rust(&["platform"])));
}

#[test]
fn a_wrong_arrow_owner_or_idle_library_is_seen() {
    let mut packages = workspace();
    let domain = packages.iter_mut().find(|package| package.name == "fitment-domain").unwrap();
    domain.dependencies.extend(["fitment-store".to_owned(), "sqlx-core".to_owned()]);
    domain.dependencies.remove("sha2");
    packages.push(Package {
        name: "fitment-utils".to_owned(),
        folder: "platform/utils".to_owned(),
        dependencies: BTreeSet::new(),
    });
    let arrows = wrong_arrows(&packages);
    assert_eq!(arrows.len(), 2, "{arrows:?}");
    assert!(
        arrows.iter().any(|breach| breach == "fitment-domain → fitment-store is not an arrow of the house"),
        "{arrows:?}"
    );
    assert_eq!(wrong_owners(&packages), ["fitment-domain names sqlx-core: only fitment-store may"]);
    let mut sources = rust(&["platform"]);
    sources.retain(|source| !source.path.starts_with("platform/store/"));
    assert_eq!(
        idle_libraries(&packages, &sources),
        ["fitment-store does not use sqlx", "fitment-domain does not use sha2"]
    );
}

#[test]
fn the_agent_is_built_without_database_web_server_and_compiler() {
    let families = ["sqlx", "axum", "wasmtime", "cranelift", "jsonschema", "object_store"];
    assert_none("agent", &unwanted(&tree(&["--package", "fitment-agent"]), &families));
    let server = unwanted(&tree(&["--package", "fitment-server"]), &families);
    assert!(
        server.contains(&"axum".to_owned()) && server.contains(&"sqlx".to_owned()),
        "the check sees nothing: {server:?}"
    );
}

#[test]
fn the_runner_is_built_without_a_compiler() {
    let compilers = [
        "cranelift-codegen",
        "cranelift-frontend",
        "wasmtime-internal-cranelift",
        "wasmtime-internal-winch",
        "winch-codegen",
    ];
    let runner = tree(&["--package", "fitment-runtime", "--features", "runner"]);
    assert!(runner.contains("wasmtime"), "{runner:?}");
    assert_none("runner", &unwanted(&runner, &compilers));
    let compiler = unwanted(&tree(&["--package", "fitment-runtime", "--features", "compiler"]), &compilers);
    assert!(compiler.contains(&"cranelift-codegen".to_owned()), "the check sees nothing: {compiler:?}");
}

/// Where errors without a type may be: programs, and what only they call.
fn may_use_anyhow(path: &str) -> bool {
    /// (file, why)
    const EXCEPTIONS: &[(&str, &str)] = &[
        ("platform/server/src/serve.rs", "the body of main: it starts the program or says why not"),
        ("platform/runtime/src/inspect/target.rs", "reads an error of wit-component, whose type it is"),
    ];
    let program = path.ends_with("/src/main.rs") || path.contains("/src/bin/") || path.starts_with("tests/dev/");
    program || EXCEPTIONS.iter().any(|(file, _)| *file == path)
}

fn untyped_errors(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !may_use_anyhow(&source.path)) {
        let code = source.code();
        found.extend(
            word_positions(&code, "anyhow")
                .next()
                .map(|at| format!("{}: an error of its own, not anyhow", source.at(at))),
        );
    }
    found
}

#[test]
fn libraries_have_typed_errors() {
    assert_none("anyhow", &untyped_errors(&rust(&["platform", "sdk", "accessories", "tests"])));
    let sample = Source::new("platform/store/src/job.rs", "fn a() -> anyhow::Result<()> { Ok(()) }");
    assert_eq!(untyped_errors(&[sample]).len(), 1);
}
