//! From a core module to the one file that runs: a component with its metadata and its manifest inside.

use fitment_domain::manifest::Manifest;
use fitment_domain::package::{self, PackageLimits};
use fitment_domain::release::Listing;
use wasm_metadata::{AddMetadata, AddMetadataField};
use wit_component::ComponentEncoder;

use crate::failure::Failure;
use crate::names;

/// Makes the package of a core module, or of a component that another toolchain made.
pub fn package(built: &[u8], manifest: &Manifest, listing: &Listing) -> Result<Vec<u8>, Failure> {
    let component = if package::is_component(built) { built.to_vec() } else { component(built)? };
    let described = metadata(&component, manifest, listing)?;
    let package = package::with_manifest(&described, manifest).map_err(|e| Failure::environment(e.to_string()))?;
    // The same function that the marketplace and the agents read it with.
    package::read(&package, &PackageLimits::standard()).map_err(|e| Failure::refused(e.to_string()))?;
    Ok(package)
}

fn component(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let module = names::of_functions_alone(module);
    let encoded = ComponentEncoder::default().validate(true).module(&module).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|e| {
        Failure::environment(format!(
            "the module does not make a component: {e:#}. Does it implement the contract with fitment-sdk?"
        ))
    })
}

/// Adds the sections by which every tool knows a component: name, producers, and the annotations of the OCI image specification.
fn metadata(component: &[u8], manifest: &Manifest, listing: &Listing) -> Result<Vec<u8>, Failure> {
    let mut add = AddMetadata::default();
    add.name = AddMetadataField::Set(manifest.name.to_string());
    add.processed_by = vec![("fitment".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let mut out =
        add.to_wasm(component).map_err(|e| Failure::environment(format!("the component takes no metadata: {e:#}")))?;
    append_section(&mut out, "version", manifest.version.to_string().as_bytes());
    append_section(&mut out, "description", listing.summary.as_bytes());
    append_section(&mut out, "authors", listing.authors.join(", ").as_bytes());
    append_section(&mut out, "licenses", listing.license.as_bytes());
    if let Some(source) = &listing.source {
        append_section(&mut out, "source", source.as_bytes());
    }
    Ok(out)
}

/// Appends a custom section (WebAssembly core specification, binary format: id 0, size, name, contents).
pub fn append_section(out: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut body = Vec::new();
    append_size(&mut body, name.len());
    body.extend_from_slice(name.as_bytes());
    body.extend_from_slice(contents);
    out.push(0);
    append_size(out, body.len());
    out.extend_from_slice(&body);
}

/// Appends a number as the binary format writes it (LEB128).
pub fn append_size(out: &mut Vec<u8>, mut size: usize) {
    while size >= 0x80 {
        out.push((size & 0x7f) as u8 | 0x80);
        size >>= 7;
    }
    out.push(size as u8);
}
