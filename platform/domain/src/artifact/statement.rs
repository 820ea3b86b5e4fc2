//! The statement about an artifact, and the one function that every door asks: upload, hand-out, and load in the agent.

use serde::{Deserialize, Serialize};

use super::{ARTIFACT_BYTES_MAX, Build, Target};
use crate::bytes::Digest;
use crate::signature::{BadSignature, Envelope, PublicKey, Signer};

/// The payload type of a statement about an artifact.
pub const ARTIFACT_TYPE: &str = "application/vnd.fitment.artifact+json";

/// "Whoever compiles this component with this compiler for this target gets these bytes."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactStatement {
    /// Of the component that was compiled.
    pub component: Digest,
    pub target: Target,
    pub build: Build,
    /// Of the compiled code.
    pub digest: Digest,
    /// Its size.
    pub bytes: u64,
}

/// What a door wants of an artifact.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The key that signed the release.
    pub publisher: PublicKey,
    /// The key that countersigned it. None where the platform has not compiled yet: when the publisher's word comes in, and when the
    /// platform compares it with what it made itself.
    pub platform: Option<PublicKey>,
    /// Of the component that is to run.
    pub component: &'a Digest,
    pub target: Target,
    /// The compiler that whoever asks has itself.
    pub build: &'a Build,
    /// Code of an earlier compiler does not count.
    pub build_min: u32,
}

/// Why an artifact does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadArtifact {
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error("publisher and platform have one key: two signatures of one key are one")]
    OneKey,
    #[error("it is of component {signed}, this is {here}")]
    Component { signed: Digest, here: Digest },
    #[error("it is compiled for {signed}, this is {here}")]
    Target { signed: Target, here: Target },
    #[error("it is of compiler {signed}, here is {here}")]
    Build { signed: Build, here: Build },
    #[error("it is of compiler build {build}, the marketplace wants {build_min} at least")]
    TooOld { build: u32, build_min: u32 },
    #[error("the compiled code has digest {got}, the signed statement says {signed}")]
    Digest { signed: Digest, got: Digest },
    #[error(
        "the compiled code has {got} bytes, the signed statement says {signed}; at most {ARTIFACT_BYTES_MAX} are accepted"
    )]
    Bytes { signed: u64, got: u64 },
}

/// Judges an artifact: the same function wherever one comes in, is handed out or is loaded. `code` is the compiled code, where it is
/// there already; without it the statement alone is judged.
pub fn judge(envelope: &Envelope, wanted: &Wanted<'_>, code: Option<&[u8]>) -> Result<ArtifactStatement, BadArtifact> {
    let mut signers = vec![(Signer::Publisher, wanted.publisher)];
    if let Some(platform) = wanted.platform {
        if platform == wanted.publisher {
            return Err(BadArtifact::OneKey);
        }
        signers.push((Signer::Platform, platform));
    }
    let said: ArtifactStatement = envelope.open(ARTIFACT_TYPE, &signers)?;
    if said.component != *wanted.component {
        return Err(BadArtifact::Component { signed: said.component, here: wanted.component.clone() });
    }
    if said.target != wanted.target {
        return Err(BadArtifact::Target { signed: said.target, here: wanted.target });
    }
    if said.build != *wanted.build {
        return Err(BadArtifact::Build { signed: said.build, here: wanted.build.clone() });
    }
    if said.build.number < wanted.build_min {
        return Err(BadArtifact::TooOld { build: said.build.number, build_min: wanted.build_min });
    }
    let size = code.map_or(said.bytes, |code| code.len() as u64);
    if size != said.bytes || size > ARTIFACT_BYTES_MAX as u64 {
        return Err(BadArtifact::Bytes { signed: said.bytes, got: size });
    }
    match code.map(Digest::of) {
        Some(got) if got != said.digest => Err(BadArtifact::Digest { signed: said.digest, got }),
        _ => Ok(said),
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    const CODE: &[u8] = b"compiled code";

    fn key(byte: u8) -> SigningKey {
        SigningKey::from_bytes(&[byte; 32])
    }

    fn said() -> ArtifactStatement {
        ArtifactStatement {
            component: Digest::of(b"component"),
            target: Target::X86V2Linux,
            build: Build::of_this_version(),
            digest: Digest::of(CODE),
            bytes: CODE.len() as u64,
        }
    }

    fn signed(said: &ArtifactStatement, keys: &[u8]) -> Envelope {
        let first = Envelope::sign(ARTIFACT_TYPE, said, &key(keys[0])).expect("signs");
        keys[1..].iter().fold(first, |envelope, byte| envelope.countersign(&key(*byte)).expect("signs"))
    }

    /// Judges under the publisher's key 1 and the platform's key 2, on a machine like the statement's.
    fn judged(
        envelope: &Envelope,
        change: impl FnOnce(&mut Wanted<'_>),
        code: &[u8],
    ) -> Result<ArtifactStatement, BadArtifact> {
        let (component, build) = (Digest::of(b"component"), Build::of_this_version());
        let mut wanted = Wanted {
            publisher: PublicKey::of(&key(1)),
            platform: Some(PublicKey::of(&key(2))),
            component: &component,
            target: Target::X86V2Linux,
            build: &build,
            build_min: 1,
        };
        change(&mut wanted);
        super::judge(envelope, &wanted, Some(code))
    }

    #[test]
    fn two_signatures_of_different_roles_over_these_very_bytes_count() {
        assert_eq!(judged(&signed(&said(), &[1, 2]), |_| {}, CODE), Ok(said()));
        assert_eq!(judged(&signed(&said(), &[2, 1]), |_| {}, CODE), Ok(said()));
        // Where the platform has not signed yet the publisher's word is enough; and the platform's alone never is.
        assert_eq!(judged(&signed(&said(), &[1]), |wanted| wanted.platform = None, CODE), Ok(said()));
        let missing = |signer| Err(BadArtifact::Signature(BadSignature::Missing(signer)));
        assert_eq!(judged(&signed(&said(), &[1]), |_| {}, CODE), missing(Signer::Platform));
        assert_eq!(judged(&signed(&said(), &[2]), |_| {}, CODE), missing(Signer::Publisher));
        assert_eq!(judged(&signed(&said(), &[3, 2]), |_| {}, CODE), missing(Signer::Publisher));
    }

    #[test]
    fn one_signature_twice_is_one() {
        let mut twice = signed(&said(), &[1]);
        twice.signatures.push(twice.signatures[0].clone());
        assert_eq!(judged(&twice, |_| {}, CODE), Err(BadArtifact::Signature(BadSignature::Missing(Signer::Platform))));
        // Under the name of the platform's key.
        twice.signatures[1].keyid = PublicKey::of(&key(2)).id();
        assert_eq!(judged(&twice, |_| {}, CODE), Err(BadArtifact::Signature(BadSignature::Invalid(Signer::Platform))));
        // A publisher that registered the platform's key as its own.
        let own = signed(&said(), &[2]);
        assert_eq!(judged(&own, |wanted| wanted.publisher = PublicKey::of(&key(2)), CODE), Err(BadArtifact::OneKey));
    }

    #[test]
    fn a_statement_about_something_else_is_refused_by_name() {
        let other = |change: fn(&mut ArtifactStatement)| {
            let mut said = said();
            change(&mut said);
            judged(&signed(&said, &[1, 2]), |_| {}, CODE).expect_err("it is about something else")
        };
        assert!(matches!(other(|s| s.component = Digest::of(b"x")), BadArtifact::Component { .. }));
        assert!(matches!(other(|s| s.target = Target::Aarch64Linux), BadArtifact::Target { .. }));
        assert!(matches!(other(|s| s.build.number += 1), BadArtifact::Build { .. }));
        assert!(matches!(other(|s| s.build.compiler.push('x')), BadArtifact::Build { .. }));
        assert!(matches!(other(|s| s.digest = Digest::of(b"x")), BadArtifact::Digest { .. }));
        assert!(matches!(other(|s| s.bytes += 1), BadArtifact::Bytes { .. }));
        let mut type_of_a_release = signed(&said(), &[1, 2]);
        type_of_a_release.payload_type = crate::release::RELEASE_TYPE.to_owned();
        assert!(matches!(
            judged(&type_of_a_release, |_| {}, CODE),
            Err(BadArtifact::Signature(BadSignature::Type { .. }))
        ));
    }

    #[test]
    fn changed_code_and_an_old_compiler_are_refused() {
        let good = signed(&said(), &[1, 2]);
        let flipped: Vec<u8> = CODE.iter().enumerate().map(|(at, b)| if at == 3 { b ^ 1 } else { *b }).collect();
        assert!(matches!(judged(&good, |_| {}, &flipped), Err(BadArtifact::Digest { .. })));
        assert!(matches!(judged(&good, |_| {}, &CODE[1..]), Err(BadArtifact::Bytes { .. })));
        let number = Build::of_this_version().number;
        assert_eq!(
            judged(&good, |wanted| wanted.build_min = number + 1, CODE),
            Err(BadArtifact::TooOld { build: number, build_min: number + 1 })
        );
        let huge = ArtifactStatement { bytes: ARTIFACT_BYTES_MAX as u64 + 1, ..said() };
        let (component, build) = (Digest::of(b"component"), Build::of_this_version());
        let wanted = Wanted {
            publisher: PublicKey::of(&key(1)),
            platform: None,
            component: &component,
            target: Target::X86V2Linux,
            build: &build,
            build_min: 0,
        };
        assert!(matches!(super::judge(&signed(&huge, &[1]), &wanted, None), Err(BadArtifact::Bytes { .. })));
    }
}
