//! What `fitment new` writes: a template of the kind, and beside it the SDK and the contract, which this program carries.

use std::path::{Path, PathBuf};

use fitment_domain::manifest::AccessoryName;

use crate::failure::Failure;
use crate::files;

/// Every file that travels in this program: its name, and what it holds.
pub static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Where the SDK lies in a project.
const VENDOR: &str = "vendor";

/// Files that are called otherwise here, so that no tool takes them for its own.
const RENAMED: &[(&str, &str)] =
    &[("Cargo.template.toml", "Cargo.toml"), ("gitignore.template", ".gitignore"), ("sdk.template.toml", "")];

/// Writes a project into a folder that is not there yet, and returns the files that are the author's.
pub fn write(folder: &Path, kind: &str, name: &AccessoryName) -> Result<Vec<String>, Failure> {
    let mut written = Vec::new();
    for template in ["common", kind] {
        for (file, text) in below(&format!("templates/{template}/")) {
            let file = RENAMED.iter().find(|(here, _)| *here == file).map_or(file, |(_, there)| there);
            if !file.is_empty() {
                files::write(&folder.join(file), fill(text, kind, name).as_bytes())?;
                written.push(file.to_owned());
            }
        }
    }
    vendor(folder)?;
    written.sort();
    Ok(written)
}

/// Writes the SDK and the contract of this program's version, in the place of whatever version was there.
pub fn vendor(folder: &Path) -> Result<PathBuf, Failure> {
    let vendor = folder.join(VENDOR);
    if vendor.exists() {
        std::fs::remove_dir_all(&vendor).map_err(|e| files::cannot("replace", &vendor, &e))?;
    }
    for (file, text) in EMBEDDED.iter().filter(|(file, _)| !file.starts_with("templates/")) {
        files::write(&vendor.join(file), text.as_bytes())?;
    }
    for (_, text) in EMBEDDED.iter().filter(|(file, _)| *file == "templates/common/sdk.template.toml") {
        let manifest = text.replace("{{version}}", env!("CARGO_PKG_VERSION"));
        files::write(&vendor.join("sdk/guest/Cargo.toml"), manifest.as_bytes())?;
    }
    Ok(vendor)
}

/// Returns the kinds that have a template.
pub fn kinds() -> Vec<&'static str> {
    let manifests =
        EMBEDDED.iter().filter_map(|(file, _)| file.strip_prefix("templates/")?.strip_suffix("/fitment.toml"));
    manifests.collect()
}

fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    EMBEDDED.iter().filter_map(move |(file, text)| Some((file.strip_prefix(folder)?, *text)))
}

fn fill(text: &str, kind: &str, name: &AccessoryName) -> String {
    text.replace("{{publisher}}", &name.publisher).replace("{{name}}", &name.name).replace("{{kind}}", kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_filled_whole() {
        let name = AccessoryName::parse("acme/hello").expect("a name");
        assert!(kinds().contains(&"monitor"), "{:?}", kinds());
        for kind in kinds() {
            for template in ["common", kind] {
                for (file, text) in
                    below(&format!("templates/{template}/")).filter(|(file, _)| *file != "sdk.template.toml")
                {
                    assert!(!fill(text, kind, &name).contains("{{"), "{kind}/{file}");
                }
            }
        }
    }
}
