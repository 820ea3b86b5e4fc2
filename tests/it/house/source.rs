//! The files of the checkout.

use std::path::{Path, PathBuf};

use super::scan::{self, Function, Kind};

/// One text file, by its path from the top of the repository.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// Makes a sample.
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns what the product does: no comments, no texts, no `#[cfg(test)]`.
    pub(super) fn code(&self) -> String {
        scan::only(&scan::without_tests(&self.text), &[Kind::Code])
    }

    /// Returns the functions outside `#[cfg(test)]`.
    pub(super) fn functions(&self) -> Vec<Function> {
        scan::functions(&scan::without_tests(&self.text))
    }

    /// Returns a place for people.
    pub(super) fn at(&self, position: usize) -> String {
        format!("{}:{}", self.path, self.text[..position].matches('\n').count() + 1)
    }
}

/// Returns the top of the repository.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the texts below these folders whose names end so, by path.
pub(super) fn read(folders: &[&str], endings: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root().join(folder), endings, &mut found);
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Returns the Rust sources in the `src` folders below these folders.
pub(super) fn rust(folders: &[&str]) -> Vec<Source> {
    let mut found = read(folders, &[".rs"]);
    found.retain(|source| source.path.contains("/src/"));
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found
}

fn walk(path: &Path, endings: &[&str], found: &mut Vec<Source>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap().path();
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            if !matches!(name.as_str(), "target" | ".git") {
                walk(&entry, endings, found);
            }
        }
    } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        found.push(Source { path, text });
    }
}
