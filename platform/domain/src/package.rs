//! The one file that runs: a component with its manifest inside.

use wasmparser::{Encoding, Parser, Payload};

use crate::bytes::Digest;
use crate::manifest::{self, BadManifest, Manifest};

/// Bounds on a package.
#[derive(Debug, Clone)]
pub struct PackageLimits {
    /// The whole file, in bytes.
    pub component_bytes_max: usize,
    /// The whole file where the manifest says that it brings a language along, in bytes.
    pub large_component_bytes_max: usize,
    /// All custom sections together, in bytes.
    pub custom_bytes_max: usize,
}

impl PackageLimits {
    /// Returns the bounds that hold at every door.
    pub const fn standard() -> Self {
        Self {
            component_bytes_max: 4 * 1024 * 1024,
            large_component_bytes_max: 24 * 1024 * 1024,
            custom_bytes_max: 1024 * 1024,
        }
    }
}

/// A component that was read: its address and what it says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Package {
    pub digest: Digest,
    pub manifest: Manifest,
}

/// Why bytes are no package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPackage {
    #[error("the component has {bytes} bytes, at most {max} are accepted")]
    TooLarge { bytes: usize, max: usize },
    #[error(
        "the component has {bytes} bytes, at most {max} are accepted unless it brings a language along: then say `large = true` under [build]"
    )]
    NotLarge { bytes: usize, max: usize },
    #[error("the file is not a WebAssembly component: {0}")]
    NotAComponent(String),
    #[error("the custom sections hold {bytes} bytes, at most {max} are accepted")]
    CustomSectionsTooLarge { bytes: usize, max: usize },
    #[error("the component has no custom section {0:?}: build it with `fitment build`", manifest::SECTION)]
    NoManifest,
    #[error("the component has more than one custom section {0:?}", manifest::SECTION)]
    ManifestTwice,
    #[error(transparent)]
    Manifest(#[from] BadManifest),
}

/// Returns whether the bytes begin as a component does.
pub fn is_component(bytes: &[u8]) -> bool {
    Parser::is_component(bytes)
}

/// Reads a package: the one way from bytes to a manifest, at upload, at install and at load in the agent.
pub fn read(component: &[u8], limits: &PackageLimits) -> Result<Package, BadPackage> {
    let bytes = component.len();
    if bytes > limits.large_component_bytes_max {
        return Err(BadPackage::TooLarge { bytes, max: limits.large_component_bytes_max });
    }
    let manifest = manifest_section(component, limits).and_then(|section| Ok(Manifest::from_json(section)?));
    if bytes > limits.component_bytes_max && !manifest.as_ref().is_ok_and(|manifest| manifest.large) {
        return Err(BadPackage::NotLarge { bytes, max: limits.component_bytes_max });
    }
    Ok(Package { digest: Digest::of(component), manifest: manifest? })
}

fn manifest_section<'a>(component: &'a [u8], limits: &PackageLimits) -> Result<&'a [u8], BadPackage> {
    let not_a_component = |e: String| BadPackage::NotAComponent(e);
    let mut depth = 0_usize;
    let mut custom_bytes = 0_usize;
    let mut found = None;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|e| not_a_component(e.message().to_owned()))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(not_a_component("it is a core module".to_owned()));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) => {
                custom_bytes += section.data().len();
                if depth == 0 && section.name() == manifest::SECTION && found.replace(section.data()).is_some() {
                    return Err(BadPackage::ManifestTwice);
                }
            }
            _ => {}
        }
    }
    if custom_bytes > limits.custom_bytes_max {
        return Err(BadPackage::CustomSectionsTooLarge { bytes: custom_bytes, max: limits.custom_bytes_max });
    }
    found.ok_or(BadPackage::NoManifest)
}

/// Returns the component with the manifest added as its last section. The component must not have one yet.
pub fn with_manifest(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, BadPackage> {
    let json = serde_json::to_vec(manifest).map_err(|e| BadManifest::Malformed(e.to_string()))?;
    let name = manifest::SECTION.as_bytes();
    let mut body = leb128(name.len());
    body.extend_from_slice(name);
    body.extend_from_slice(&json);
    let mut out = component.to_vec();
    out.push(0);
    out.extend(leb128(body.len()));
    out.extend(body);
    Ok(out)
}

fn leb128(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}
