//! Code that somebody else compiled: for which machines, by which compiler, what publisher and platform sign about it, and the one
//! function that decides whether it counts.
//!
//! Loading compiled code is running it, outside the guarantees of WebAssembly. So it counts only if two who work apart from each other
//! compiled the same component and got the same bytes; each device may still compile for itself, and a part of them compares.

mod statement;

pub use statement::{ARTIFACT_TYPE, ArtifactStatement, BadArtifact, Wanted, judge};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::bytes::Digest;
use crate::device::{Facts, fact};
use crate::run::{FRAME_BYTES_MAX, Fact};
use crate::signature::Envelope;

/// The most bytes of compiled code: it travels to the runner in one frame, beside a few hundred other bytes.
pub const ARTIFACT_BYTES_MAX: usize = FRAME_BYTES_MAX - 4096;

/// Every compiler there ever was, by its number. A line is never changed: whatever changes what is compiled (another wasmtime, another
/// configuration, a patch) gets the next number.
pub const BUILDS: &[(u32, &str)] = &[(1, "wasmtime 48.0.8; fitment 1")];

/// A compiler: its number, which only grows, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    pub number: u32,
    /// wasmtime and our configuration of it; nothing of the machine.
    pub compiler: String,
}

impl Build {
    /// Returns the compiler of this version.
    pub fn of_this_version() -> Self {
        let (number, compiler) = BUILDS.last().copied().unwrap_or_default();
        Self { number, compiler: compiler.to_owned() }
    }

    /// Returns the compiler of a number; none if this version does not know it.
    pub fn numbered(number: u32) -> Option<Self> {
        let known = BUILDS.iter().find(|(known, _)| *known == number)?;
        Some(Self { number, compiler: known.1.to_owned() })
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.number, self.compiler)
    }
}

/// Machines that run the same compiled code: an operating system, an architecture, and the least that the processor can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// x86-64-v2: nearly every processor that was sold since 2009. What v3 would add (AVX2, BMI) is missing in Atoms and in many
    /// virtual machines, and wasm without vectors hardly gains by it; without SSE 4.1 rounding and vectors are calls.
    #[serde(rename = "x86_64-linux-v2")]
    X86V2Linux,
    /// The first 64-bit ARM, without extensions.
    #[serde(rename = "aarch64-linux")]
    Aarch64Linux,
}

impl Target {
    /// Every target.
    pub const ALL: [Target; 2] = [Target::X86V2Linux, Target::Aarch64Linux];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Target::X86V2Linux => "x86_64-linux-v2",
            Target::Aarch64Linux => "aarch64-linux",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.as_str() == text)
    }

    /// Returns architecture and operating system, as Rust names them.
    pub const fn machine(self) -> (&'static str, &'static str) {
        match self {
            Target::X86V2Linux => ("x86_64", "linux"),
            Target::Aarch64Linux => ("aarch64", "linux"),
        }
    }

    /// Returns what the processor must be able to do.
    pub const fn features(self) -> &'static [&'static str] {
        match self {
            Target::X86V2Linux => &["sse3", "ssse3", "sse4.1", "sse4.2", "popcnt"],
            Target::Aarch64Linux => &[],
        }
    }

    /// Returns the target of a machine; none if nothing is compiled for such.
    pub fn of(arch: &str, os: &str, has: impl Fn(&str) -> bool) -> Option<Self> {
        let fits = |target: &Target| target.machine() == (arch, os) && target.features().iter().all(|f| has(f));
        Self::ALL.into_iter().find(fits)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where an attestation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The publisher has said it; the platform compiles.
    Waiting,
    /// Both say the same, and have signed it.
    Attested,
    /// The platform got something else, or nothing. The publisher may say it again.
    Refused,
    /// It was attested, and is handed out no more. Nobody but an operator lets it be said again.
    Withdrawn,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Standing; 4] = [Standing::Waiting, Standing::Attested, Standing::Refused, Standing::Withdrawn];

    /// Returns the word that databases and wires use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Waiting => "waiting",
            Standing::Attested => "attested",
            Standing::Refused => "refused",
            Standing::Withdrawn => "withdrawn",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == text)
    }

    /// Returns whether the publisher may attest once more.
    pub const fn may_be_said_again(self) -> bool {
        matches!(self, Standing::Waiting | Standing::Refused)
    }
}

/// What a signed set offers a device in the place of compiling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// An `ArtifactStatement` with both signatures.
    pub statement: Envelope,
    /// Code of an earlier compiler does not count.
    pub build_min: u32,
}

/// "I compiled it too, and got something else."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// Of the component.
    pub component: Digest,
    /// Of what the device's own compiler made of it.
    pub got: Digest,
}

/// What a device takes compiled code of, as its facts say it. A device that says nothing takes none.
pub fn taken_by(facts: &Facts) -> Option<(Target, u32)> {
    let target = Target::parse(facts.text(fact::SANDBOX_TARGET)?)?;
    match facts.0.get(fact::SANDBOX_BUILD) {
        Some(Fact::Number(build)) if build.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(build) => {
            // In range and whole: checked above.
            format!("{build:.0}").parse().ok().map(|build| (target, build))
        }
        _ => None,
    }
}

/// One device in so many compiles too what it was offered, and compares. Of 50 devices that run a falsified artifact one finds it out
/// with 96 %, of 100 with 99.8 %; and a compilation that is saved 15 times of 16 is saved.
pub const SAMPLE_ONE_IN: u64 = 16;

/// Returns whether a device compiles this artifact too and compares. The secret is the device's own and never leaves it: whoever makes
/// an artifact cannot know, or choose, who will look.
pub fn is_sampled(secret: &[u8; 32], artifact: &Digest) -> bool {
    let mut hash = Sha256::new();
    hash.update(b"fitment artifact sample 1\0");
    hash.update(secret);
    hash.update(artifact.as_str().as_bytes());
    let drawn = hash.finalize().iter().take(8).fold(0_u64, |drawn, byte| (drawn << 8) | u64::from(*byte));
    drawn.is_multiple_of(SAMPLE_ONE_IN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_counted_from_one_without_a_gap() {
        let numbers: Vec<u32> = BUILDS.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, (1..=numbers.len()).map(|n| u32::try_from(n).unwrap_or(0)).collect::<Vec<_>>());
        assert_eq!(Build::of_this_version().number as usize, BUILDS.len());
    }

    #[test]
    fn a_machine_without_the_least_of_a_target_has_none() {
        let all = |_: &str| true;
        assert_eq!(Target::of("x86_64", "linux", all), Some(Target::X86V2Linux));
        assert_eq!(Target::of("x86_64", "linux", |feature| feature != "popcnt"), None);
        assert_eq!(Target::of("x86_64", "windows", all), None);
        assert_eq!(Target::of("riscv64", "linux", all), None);
        assert_eq!(Target::of("aarch64", "linux", |_| false), Some(Target::Aarch64Linux));
        for target in Target::ALL {
            assert_eq!(Target::parse(target.as_str()), Some(target));
            let on_the_wire = serde_json::to_value(target).ok();
            assert_eq!(on_the_wire, Some(serde_json::Value::from(target.as_str())));
        }
    }

    #[test]
    fn what_a_device_takes_is_what_its_facts_say() {
        let facts = |target: &str, build: Fact| {
            let target = (fact::SANDBOX_TARGET.to_owned(), Fact::Text(target.to_owned()));
            Facts([target, (fact::SANDBOX_BUILD.to_owned(), build)].into())
        };
        assert_eq!(taken_by(&facts("x86_64-linux-v2", Fact::Number(3.0))), Some((Target::X86V2Linux, 3)));
        assert_eq!(taken_by(&facts("x86_64-linux-v9", Fact::Number(3.0))), None);
        for bad in
            [Fact::Number(0.0), Fact::Number(1.5), Fact::Number(-1.0), Fact::Number(1e12), Fact::Text("1".into())]
        {
            assert_eq!(taken_by(&facts("x86_64-linux-v2", bad)), None);
        }
        assert_eq!(taken_by(&Facts::default()), None);
    }

    #[test]
    fn about_one_device_in_sixteen_compares_and_always_the_same_ones() {
        let artifact = Digest::of(b"artifact");
        let secret = |n: u16| {
            let mut secret = [0; 32];
            secret[..2].copy_from_slice(&n.to_le_bytes());
            secret
        };
        let looks =
            |artifact: &Digest| -> Vec<u16> { (0..4_096).filter(|n| is_sampled(&secret(*n), artifact)).collect() };
        let found = looks(&artifact);
        assert!((200..=312).contains(&found.len()), "{} of 4096", found.len());
        assert_eq!(found, looks(&artifact));
        assert_ne!(found, looks(&Digest::of(b"another")), "another artifact is looked at by others");
    }
}
