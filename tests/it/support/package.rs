//! Packages as a publisher makes them, good ones and bad ones.

use ed25519_dalek::SigningKey;
use fitment_domain::bytes::Digest;
use fitment_domain::manifest::{Manifest, SECTION};
use fitment_domain::package::{PackageLimits, read, with_manifest};
use fitment_domain::release::{RELEASE_TYPE, ReleaseStatement};
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use wasmparser::{Parser, Payload};

use super::programs::accessory;

/// What one upload holds.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) component: Vec<u8>,
    pub(crate) statement: Vec<u8>,
    pub(crate) listing: Vec<u8>,
}

/// Returns the manifest inside a component.
pub(crate) fn manifest_of(component: &[u8]) -> Manifest {
    read(component, &PackageLimits::standard()).unwrap().manifest
}

/// Returns the component without its manifest.
pub(crate) fn without_manifest(component: &[u8]) -> Vec<u8> {
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::CustomSection(section) = payload.unwrap()
            && section.name() == SECTION
        {
            // `fitment build` writes it last: header and all that precedes the contents go with it.
            let range = section.range();
            let header = (2..=6).find(|n| component[range.start - n] == 0 && n > &1).unwrap();
            return component[..range.start - header].to_vec();
        }
    }
    panic!("no manifest in the component");
}

/// A first-party accessory, changed as a test wants and signed with a key.
pub(crate) struct Packing {
    component: Vec<u8>,
    listing: Vec<u8>,
    manifest: Manifest,
}

impl Packing {
    /// Starts from a built accessory.
    pub(crate) fn of(name: &str) -> Self {
        let (component, listing) = accessory(name);
        let manifest = manifest_of(&component);
        Self { component: without_manifest(&component), listing, manifest }
    }

    /// Starts from any component.
    pub(crate) fn around(component: Vec<u8>, listing: Vec<u8>, manifest: Manifest) -> Self {
        Self { component, listing, manifest }
    }

    /// Changes the manifest.
    pub(crate) fn manifest(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Sets the version.
    pub(crate) fn version(self, version: &str) -> Self {
        self.manifest(|m| m.version = version.parse().unwrap())
    }

    /// Changes the listing.
    pub(crate) fn listing(mut self, change: impl FnOnce(&mut serde_json::Value)) -> Self {
        let mut listing = serde_json::from_slice(&self.listing).unwrap();
        change(&mut listing);
        self.listing = serde_json::to_vec(&listing).unwrap();
        self
    }

    /// Signs what came of it.
    pub(crate) fn signed_by(self, key: &SigningKey) -> Parts {
        let component = with_manifest(&self.component, &self.manifest).unwrap();
        sign(component, self.listing, &self.manifest, key)
    }
}

/// Signs a component and a listing as `fitment sign` does.
pub(crate) fn sign(component: Vec<u8>, listing: Vec<u8>, manifest: &Manifest, key: &SigningKey) -> Parts {
    let statement = ReleaseStatement {
        accessory: manifest.name.clone(),
        version: manifest.version.clone(),
        kind: manifest.kind.clone(),
        digest: Digest::of(&component),
        listing_digest: Digest::of(&listing),
        created: UnixMs(1_700_000_000_000),
    };
    let statement = Envelope::sign(RELEASE_TYPE, &statement, key).unwrap().to_json();
    Parts { component, statement, listing }
}
