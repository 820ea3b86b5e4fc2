//! What reads bytes from outside, fed with mutated ones: no panic, no endless loop, and what was promised of whatever is accepted.
//!
//! Every run tries some thousands per target, always the same; `cargo verify --fuzz SECONDS` goes on for so long per target from where
//! nobody was before. An input that fails is written to `target/fuzz`, and belongs into the target's seeds once its cause is gone.

pub(super) mod mutate;
mod outside;
mod targets;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::wire::now;

use mutate::Mutator;

/// How many inputs a usual run tries of each target.
const INPUTS: u64 = 10_000;
/// What one input may take, on a busy machine and without optimisation.
const SLOW: Duration = Duration::from_secs(5);
/// How many inputs that led somewhere new are gone on from.
const POOL_MAX: usize = 400;

/// Something that reads bytes.
pub(super) struct Target {
    pub(super) name: &'static str,
    /// Valid inputs, and those that once failed.
    pub(super) seeds: fn() -> Vec<Vec<u8>>,
    /// What a mutation may put in.
    pub(super) words: &'static [&'static str],
    /// Reads, asserts what holds of whatever is accepted, and says where it ended: an input with a new word is gone on from.
    pub(super) read: fn(&[u8]) -> String,
}

/// How long to go on, and from where.
pub(super) struct Effort {
    seconds: Option<u64>,
    begun: Instant,
    pub(super) seed: u64,
}

impl Effort {
    /// Reads what `cargo verify --fuzz` asked for.
    pub(super) fn asked() -> Self {
        let seconds = std::env::var("FITMENT_FUZZ_SECONDS").ok().map(|text| text.parse().expect("whole seconds"));
        // Another one with every call, and never the usual one.
        let seed = if seconds.is_some() { now().0.unsigned_abs() | 2 } else { 1 };
        Self { seconds, begun: Instant::now(), seed }
    }

    /// Returns whether to go on after so many inputs, of which a usual run tries so many.
    pub(super) fn goes_on(&self, tried: u64, usual: u64) -> bool {
        self.seconds.map_or(tried < usual, |seconds| self.begun.elapsed() < Duration::from_secs(seconds))
    }

    /// Says what was done.
    pub(super) fn report(&self, name: &str, tried: u64, ends: usize, slowest: Duration) {
        let per_s = tried as f64 / self.begun.elapsed().as_secs_f64();
        println!("{name}: {tried} inputs, {per_s:.0} a second, {ends} different ends, the slowest took {slowest:?}");
    }
}

/// Keeps an input that failed, and ends the test.
pub(super) fn failed(name: &str, input: &[u8], what: &str) -> ! {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
    let _ = std::fs::create_dir_all(&folder);
    let file = folder.join(format!("{name}-{}.bin", fitment_domain::bytes::Digest::of(input)).replace(':', "-"));
    let _ = std::fs::write(&file, input);
    panic!("{name} {what}: {} ({} bytes: {})", file.display(), input.len(), input.escape_ascii());
}

fn sweep(target: &Target) {
    let effort = Effort::asked();
    let mut mutator = Mutator::new(effort.seed);
    let mut pool = (target.seeds)();
    let (mut ends, mut tried, mut slowest) = (BTreeSet::new(), 0_u64, Duration::ZERO);
    let mut attempt = |input: &[u8]| -> bool {
        let started = Instant::now();
        let end = catch_unwind(AssertUnwindSafe(|| (target.read)(input)));
        let took = started.elapsed();
        slowest = slowest.max(took);
        match end {
            Err(_) => failed(target.name, input, "does not hold for"),
            Ok(_) if took > SLOW => failed(target.name, input, &format!("takes {took:?} for")),
            Ok(end) => ends.insert(end),
        }
    };
    for seed in &pool {
        attempt(seed);
    }
    while effort.goes_on(tried, INPUTS) {
        let input = mutator.mutated(&pool, target.words);
        if attempt(&input) && pool.len() < POOL_MAX {
            pool.push(input);
        }
        tried += 1;
    }
    let ends = ends.len();
    effort.report(target.name, tried, ends, slowest);
}

#[test]
fn packages_of_any_bytes_are_read_or_refused() {
    sweep(&targets::PACKAGE);
}

#[test]
fn manifests_of_any_bytes_are_read_or_refused() {
    sweep(&targets::MANIFEST);
}

#[test]
fn frames_of_any_bytes_are_read_or_refused_in_both_directions() {
    sweep(&targets::TO_RUNNER);
    sweep(&targets::FROM_RUNNER);
}

#[test]
fn envelopes_of_any_bytes_are_opened_or_refused() {
    sweep(&targets::ENVELOPE);
}

#[test]
fn instructions_of_any_words_are_read_or_refused_though_they_are_signed() {
    sweep(&targets::INSTRUCTIONS);
}

#[test]
fn findings_of_any_shape_are_within_their_bounds_or_refused() {
    sweep(&targets::FINDINGS);
}

#[test]
fn patterns_of_any_text_let_in_what_they_say_and_nothing_else() {
    sweep(&targets::PATTERNS);
}

#[test]
fn origins_of_any_text_have_one_spelling() {
    sweep(&targets::ORIGIN);
}
