//! DSSE envelopes, and the one function that decides whether a package may pass a door.
//!
//! Source: the DSSE protocol, version 1 (pre-authentication encoding, JSON envelope).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::id::TenantId;
use crate::package::{self, BadPackage, Package, PackageLimits};
use crate::release::{DEVELOPMENT_TYPE, DevelopmentStatement, RELEASE_TYPE, ReleaseStatement};

/// The largest envelope that is read, in bytes.
pub const ENVELOPE_BYTES_MAX: usize = 1024 * 1024;
const SIGNATURES_MAX: usize = 8;

/// A signed statement: the bytes that were signed, what they are, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Base64 of the payload.
    pub payload: String,
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// The key's identifier: SHA-256 of its 32 bytes.
    pub keyid: String,
    /// Base64 of the 64 bytes.
    pub sig: String,
}

/// A public key, as 64 hexadecimal digits on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Whose signature is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    Publisher,
    Platform,
    /// The platform's key for releases that nobody approved, which means something in one test tenant only.
    Development,
}

impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Signer::Publisher => "publisher",
            Signer::Platform => "platform",
            Signer::Development => "platform's development key",
        })
    }
}

/// Why something signed is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSignature {
    #[error("a public key is 64 hexadecimal digits of a point on the curve")]
    Key,
    #[error("the envelope does not read: {0}")]
    Envelope(String),
    #[error("the envelope is of type {got:?}, expected {expected:?}")]
    Type { expected: &'static str, got: String },
    #[error("the signature of the {0} is missing")]
    Missing(Signer),
    #[error("the signature of the {0} does not verify: the statement or the signature was changed")]
    Invalid(Signer),
    #[error("the statement does not read: {0}")]
    Statement(String),
    #[error("the component's digest is {got}, the signed statement says {signed}")]
    Digest { signed: Digest, got: Digest },
    #[error("the manifest says {field} {manifest}, the signed statement {signed}")]
    Disagrees { field: &'static str, manifest: String, signed: String },
    #[error("the listing's digest is {got}, the signed statement says {signed}")]
    Listing { signed: Digest, got: Digest },
    #[error("the release was countersigned for the test tenant {signed}, this is {here}")]
    OtherTenant { signed: TenantId, here: TenantId },
    #[error(transparent)]
    Package(#[from] BadPackage),
}

impl PublicKey {
    /// Reads 64 hexadecimal digits. Keys of low order are refused.
    pub fn parse(text: &str) -> Result<Self, BadSignature> {
        let bytes: [u8; 32] = hex::decode(text).ok().and_then(|b| b.try_into().ok()).ok_or(BadSignature::Key)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadSignature::Key)?;
        if key.is_weak() { Err(BadSignature::Key) } else { Ok(Self(key)) }
    }

    /// Returns the public half of a signing key.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key())
    }

    /// Returns the key's identifier.
    pub fn id(&self) -> String {
        Digest::of(self.0.as_bytes()).as_str().to_owned()
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        PublicKey::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl Envelope {
    /// Signs a statement.
    pub fn sign<T: Serialize>(payload_type: &str, statement: &T, key: &SigningKey) -> Result<Self, BadSignature> {
        let payload = serde_json::to_vec(statement).map_err(|e| BadSignature::Statement(e.to_string()))?;
        let signature = sign_payload(payload_type, &payload, key);
        Ok(Self { payload_type: payload_type.to_owned(), payload: BASE64.encode(payload), signatures: vec![signature] })
    }

    /// Adds a signature over the same bytes.
    pub fn countersign(mut self, key: &SigningKey) -> Result<Self, BadSignature> {
        let signature = sign_payload(&self.payload_type, &self.payload_bytes()?, key);
        self.signatures.retain(|s| s.keyid != signature.keyid);
        self.signatures.push(signature);
        Ok(self)
    }

    /// Reads an envelope from JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadSignature> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(BadSignature::Envelope(format!("larger than {ENVELOPE_BYTES_MAX} bytes")));
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|e| BadSignature::Envelope(e.to_string()))?;
        if envelope.signatures.len() > SIGNATURES_MAX {
            return Err(BadSignature::Envelope(format!("more than {SIGNATURES_MAX} signatures")));
        }
        Ok(envelope)
    }

    /// Writes the envelope as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // A struct of strings always serialises; an empty answer would verify as nothing.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn payload_bytes(&self) -> Result<Vec<u8>, BadSignature> {
        BASE64.decode(&self.payload).map_err(|e| BadSignature::Envelope(format!("payload: {e}")))
    }

    /// Checks every wanted signature, then reads the statement that was signed. Nothing is read before it is verified.
    pub fn open<T: DeserializeOwned>(
        &self,
        payload_type: &'static str,
        wanted: &[(Signer, PublicKey)],
    ) -> Result<T, BadSignature> {
        if self.payload_type != payload_type {
            let got = self.payload_type.chars().take(80).collect();
            return Err(BadSignature::Type { expected: payload_type, got });
        }
        let payload = self.payload_bytes()?;
        let signed = pre_authentication_encoding(&self.payload_type, &payload);
        for (signer, key) in wanted {
            self.check_one(*signer, key, &signed)?;
        }
        serde_json::from_slice(&payload).map_err(|e| BadSignature::Statement(e.to_string()))
    }

    fn check_one(&self, signer: Signer, key: &PublicKey, signed: &[u8]) -> Result<(), BadSignature> {
        let id = key.id();
        let entry = self.signatures.iter().find(|s| s.keyid == id).ok_or(BadSignature::Missing(signer))?;
        let bytes = BASE64.decode(&entry.sig).map_err(|_| BadSignature::Invalid(signer))?;
        let signature = Signature::from_slice(&bytes).map_err(|_| BadSignature::Invalid(signer))?;
        key.0.verify_strict(signed, &signature).map_err(|_| BadSignature::Invalid(signer))
    }
}

fn sign_payload(payload_type: &str, payload: &[u8], key: &SigningKey) -> EnvelopeSignature {
    let signature = key.sign(&pre_authentication_encoding(payload_type, payload));
    EnvelopeSignature { keyid: PublicKey::of(key).id(), sig: BASE64.encode(signature.to_bytes()) }
}

/// Which signatures a door wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub publisher: PublicKey,
    pub second: Second,
}

/// Which second signature a door wants beside the publisher's.
#[derive(Debug, Clone)]
pub enum Second {
    /// At upload alone, where the platform has not signed yet.
    NotYet,
    /// The platform's, on the release itself.
    Platform(PublicKey),
    /// The platform's development key, on a statement for the tenant in which the door stands.
    Development { key: PublicKey, tenant: TenantId, statement: Envelope },
}

/// A package that passed: what it is, and what was signed about it.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedPackage {
    pub package: Package,
    pub statement: ReleaseStatement,
}

/// Verifies a package: the same function at upload, at install and at load in the agent.
pub fn verify(
    component: &[u8],
    envelope: &[u8],
    wanted: &Wanted,
    limits: &PackageLimits,
) -> Result<VerifiedPackage, BadSignature> {
    let mut signers = vec![(Signer::Publisher, wanted.publisher)];
    if let Second::Platform(key) = wanted.second {
        signers.push((Signer::Platform, key));
    }
    let statement: ReleaseStatement = Envelope::from_json(envelope)?.open(RELEASE_TYPE, &signers)?;
    if let Second::Development { key, tenant, statement: development } = &wanted.second {
        developed(development, *key, tenant, &statement)?;
    }
    let got = Digest::of(component);
    if got != statement.digest {
        return Err(BadSignature::Digest { signed: statement.digest, got });
    }
    let package = package::read(component, limits)?;
    agree("name", &package.manifest.name, &statement.accessory)?;
    agree("version", &package.manifest.version, &statement.version)?;
    agree("kind", &package.manifest.kind, &statement.kind)?;
    Ok(VerifiedPackage { package, statement })
}

/// Checks the development statement: by its own key, for this tenant, about this very release.
fn developed(
    envelope: &Envelope,
    key: PublicKey,
    here: &TenantId,
    release: &ReleaseStatement,
) -> Result<(), BadSignature> {
    let said: DevelopmentStatement = envelope.open(DEVELOPMENT_TYPE, &[(Signer::Development, key)])?;
    if said.tenant != *here {
        return Err(BadSignature::OtherTenant { signed: said.tenant, here: here.clone() });
    }
    if said.digest != release.digest {
        return Err(BadSignature::Digest { signed: said.digest, got: release.digest.clone() });
    }
    agree("name", &release.accessory, &said.accessory)?;
    agree("version", &release.version, &said.version)
}

fn agree<T: PartialEq + std::fmt::Display>(field: &'static str, manifest: &T, signed: &T) -> Result<(), BadSignature> {
    if manifest == signed {
        return Ok(());
    }
    Err(BadSignature::Disagrees { field, manifest: manifest.to_string(), signed: signed.to_string() })
}
