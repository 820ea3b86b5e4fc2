//! The three files of a release: the component, and beside it the listing and the signed statement.

use std::path::{Path, PathBuf};

use fitment_domain::manifest::Manifest;
use fitment_domain::package::{self, Package, PackageLimits};
use fitment_domain::release::{LISTING_BYTES_MAX, Listing};
use fitment_domain::signature::ENVELOPE_BYTES_MAX;

use crate::failure::Failure;
use crate::files;

/// Returns the name of the component's file, without its ending: `publisher-name-version`.
pub fn stem(manifest: &Manifest) -> String {
    format!("{}-{}-{}", manifest.name.publisher, manifest.name.name, manifest.version)
}

/// Returns the file beside the component with another ending, such as `listing.json`.
pub fn beside(component: &Path, ending: &str) -> PathBuf {
    // The version has dots of its own, so only the last ending is exchanged.
    component.with_extension(ending)
}

/// Returns what `fitment build` wrote for the version in `fitment.toml`.
pub fn built(folder: &Path, manifest: &Manifest) -> Result<PathBuf, Failure> {
    let path = folder.join("dist").join(format!("{}.wasm", stem(manifest)));
    if path.exists() {
        return Ok(path);
    }
    Err(Failure::environment(format!(
        "there is no {}: run `fitment build` for version {}",
        path.display(),
        manifest.version
    )))
}

/// Returns a source of the project that has changed since the component was built; none if it holds what is there.
pub fn newer_source(folder: &Path, component: &Path) -> Option<PathBuf> {
    let built = component.metadata().and_then(|metadata| metadata.modified()).ok()?;
    let mut open = ["Cargo.toml", "Cargo.lock", "src", "vendor"].map(|name| folder.join(name)).to_vec();
    while let Some(path) = open.pop() {
        let Ok(metadata) = path.metadata() else { continue };
        if metadata.is_dir() {
            open.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if metadata.modified().is_ok_and(|changed| changed > built) {
            return Some(path);
        }
    }
    None
}

/// Refuses a component that is not what the project's sources make.
pub fn check_built_from(folder: &Path, component: &Path) -> Result<(), Failure> {
    match newer_source(folder, component) {
        Some(source) => Err(Failure::environment(format!(
            "{} has changed since {} was built: run `fitment build`",
            source.display(),
            component.display()
        ))),
        None => Ok(()),
    }
}

/// A component with the listing beside it.
pub struct PackageFiles {
    pub path: PathBuf,
    pub component: Vec<u8>,
    pub package: Package,
    /// As it lies there: its digest is signed.
    pub listing_bytes: Vec<u8>,
    pub listing: Listing,
}

impl PackageFiles {
    /// Reads a component that `fitment build` wrote.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let limits = PackageLimits::standard();
        // Somewhat more than accepted is read, so that the refusal is the package's own.
        let component = files::read(path, limits.large_component_bytes_max.saturating_mul(4))?;
        let package = package::read(&component, &limits)
            .map_err(|e| Failure::refused(format!("{}: {}", path.display(), one_line(&e.to_string()))))?;
        let beside = beside(path, "listing.json");
        if !beside.exists() {
            return Err(Failure::environment(format!(
                "{} is missing: `fitment build` writes it beside the component",
                beside.display()
            )));
        }
        let listing_bytes = files::read(&beside, LISTING_BYTES_MAX)?;
        let listing = serde_json::from_slice(&listing_bytes).map_err(|e| {
            Failure::refused(format!("{} is no listing: {e}; `fitment build` writes it anew", beside.display()))
        })?;
        Ok(Self { path: path.to_path_buf(), component, package, listing_bytes, listing })
    }

    /// Returns where the signed statement lies.
    pub fn statement_path(&self) -> PathBuf {
        beside(&self.path, "statement.json")
    }

    /// Reads the signed statement. None if nobody signed yet.
    pub fn statement(&self) -> Result<Option<Vec<u8>>, Failure> {
        let path = self.statement_path();
        if path.exists() { files::read(&path, ENVELOPE_BYTES_MAX).map(Some) } else { Ok(None) }
    }

    /// Returns `publisher/name@version`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.package.manifest.name, self.package.manifest.version)
    }
}

/// The parser of components writes some of its words over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
