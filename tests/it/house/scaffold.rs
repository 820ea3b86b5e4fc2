//! What `fitment new` writes is what the repository holds: an author builds against the same SDK and the same contract.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::assert_none;
use super::source::root;
use crate::support::programs::program;

/// What lies in a project, and what it is a copy of.
const COPIES: &[(&str, &str)] = &[
    ("vendor/wit", "wit"),
    ("vendor/sdk/guest/src", "sdk/guest/src"),
    ("vendor/sdk/guest/README.md", "sdk/guest/README.md"),
];

fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![PathBuf::new()];
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(place).unwrap_or_else(|e| panic!("{}: {e}", place.display())) {
        let name = PathBuf::from(entry.unwrap().file_name());
        match place.join(&name).is_dir() {
            true => found.extend(files(&place.join(&name)).iter().map(|inner| name.join(inner))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

fn differences(project: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (copy, original) in COPIES {
        let (copy, original) = (project.join(copy), root().join(original));
        let (there, here) = (files(&copy), files(&original));
        if there != here {
            found.push(format!("{}: {there:?}, the repository has {here:?}", copy.display()));
        }
        let read = |base: &Path, file: &PathBuf| {
            let path = if file.as_os_str().is_empty() { base.to_owned() } else { base.join(file) };
            std::fs::read(path).ok()
        };
        let same = |file: &&PathBuf| read(&copy, file).is_some() && read(&copy, file) == read(&original, file);
        found
            .extend(here.iter().filter(|file| !same(file)).map(|file| format!("{}: {file:?} differs", copy.display())));
    }
    found
}

/// Returns the version requirement of a dependency in the text of a manifest.
fn requirement(manifest: &str, name: &str) -> String {
    let line =
        manifest.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap_or_else(|| panic!("{name}"));
    let version = line.split('"').nth(1).unwrap_or_else(|| panic!("{line}"));
    version.to_owned()
}

#[test]
fn a_new_project_brings_the_repositorys_own_sdk_and_contract() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program("fitment"))
        .args(["new", "monitor", "hello", "--publisher", "acme"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let project = folder.path().join("hello");
    assert_none("the copy", &differences(&project));

    let read = |path: PathBuf| std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (ours, theirs) = (read(root().join("Cargo.toml")), read(project.join("vendor/sdk/guest/Cargo.toml")));
    for name in ["serde", "serde_json", "wit-bindgen"] {
        assert_eq!(requirement(&theirs, name), requirement(&ours, name), "{name}");
    }
    let sdk = read(root().join("sdk/guest/Cargo.toml"));
    let dependencies = sdk.split("[dependencies]").nth(1).unwrap().lines().filter(|line| line.contains('=')).count();
    assert_eq!(dependencies, 3, "a dependency of the SDK is one of every project: add it to sdk.template.toml too");

    std::fs::write(project.join("vendor/wit/types.wit"), "package fitment:accessory@9.9.9;").unwrap();
    std::fs::remove_file(project.join("vendor/sdk/guest/src/log.rs")).unwrap();
    assert_eq!(differences(&project).len(), 3);
}
