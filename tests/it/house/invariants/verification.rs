//! Invariant 3: one function verifies a package, at upload, at install and at load in the agent.

use std::collections::BTreeSet;

use crate::house::assert_none;
use crate::house::scan::word_positions;
use crate::house::source::{Source, rust};

const HOME: &str = "platform/domain/src/signature.rs";
/// Who calls it, and when.
const DOORS: &[(&str, &str)] = &[
    ("platform/server/src/intake.rs", "at upload"),
    ("platform/server/src/door.rs", "at install"),
    ("platform/agent/src/door.rs", "at load"),
];
/// Other ways to check an Ed25519 signature. `verify_strict` alone refuses keys and points of small order.
const OTHER_WAYS: &[&str] =
    &["verify_batch", "verify_prehashed", "verify_prehashed_strict", "UnparsedPublicKey", "raw_verify"];

const ARTIFACT_HOME: &str = "platform/domain/src/artifact/statement.rs";
/// Who judges code that others compiled, and when.
const ARTIFACT_DOORS: &[(&str, &str)] = &[
    ("platform/server/src/api/artifacts.rs", "when the publisher's word comes in"),
    ("platform/server/src/work/compile.rs", "when the platform signs"),
    ("platform/server/src/artifact.rs", "when it is offered and handed out"),
    ("platform/agent/src/artifacts.rs", "at load"),
];

fn callers(sources: &[Source], call: &str) -> BTreeSet<String> {
    let calling = sources.iter().filter(|source| word_positions(&source.code(), call).next().is_some());
    calling.map(|source| source.path.clone()).collect()
}

fn breaches(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    let functions = sources.iter().flat_map(|source| source.functions().into_iter().map(move |f| (source, f)));
    let defined: Vec<&str> =
        functions.filter(|(_, f)| f.name == "verify").map(|(source, _)| source.path.as_str()).collect();
    if defined != [HOME] {
        found.push(format!("verify is defined in {defined:?}, once in {HOME} is right"));
    }
    let doors: BTreeSet<String> = DOORS.iter().map(|(path, _)| (*path).to_owned()).collect();
    let calling = callers(sources, "signature::verify");
    for path in calling.difference(&doors) {
        found.push(format!("{path} verifies packages too: one door more, or one that should not be"));
    }
    for (path, when) in DOORS.iter().filter(|(path, _)| !calling.contains(*path)) {
        found.push(format!("{path} does not verify {when}"));
    }
    for source in sources {
        let code = source.code();
        // Released code is opened by `verify` alone; other envelopes have other types.
        let releases_opened = code.matches("open(RELEASE_TYPE").count();
        let strict = word_positions(&code, "verify_strict").count();
        let expected = usize::from(source.path == HOME);
        if releases_opened != expected || strict != expected {
            found.push(format!(
                "{}: open(RELEASE_TYPE {releases_opened} times, verify_strict {strict} times, not {expected}",
                source.path
            ));
        }
        let named = |word: &str| word_positions(&code, word).next().is_some();
        // TLS and passwords have verifiers of their own.
        if named("ed25519_dalek") && named("Verifier") {
            found.push(format!("{}: Verifier of ed25519_dalek", source.path));
        }
        let others = OTHER_WAYS.iter().filter(|word| named(word));
        found.extend(others.map(|word| format!("{}: {word}", source.path)));
    }
    found
}

/// Returns the places where verification is meant to happen, and nothing else.
fn doors() -> Vec<Source> {
    let mut sources = rust(&["platform/domain", "platform/server", "platform/agent"]);
    sources.retain(|source| source.path == HOME || DOORS.iter().any(|(path, _)| *path == source.path));
    sources
}

fn with(path: &str, change: impl Fn(&str) -> String) -> Vec<Source> {
    let mut sources = doors();
    let source = sources.iter_mut().find(|source| source.path == path).expect("the file is there");
    source.text = change(&source.text);
    sources
}

#[test]
fn one_function_verifies_at_all_three_doors() {
    assert_none("verification", &breaches(&rust(&["platform", "sdk"])));
}

#[test]
fn one_function_judges_code_that_others_compiled() {
    let sources = rust(&["platform", "sdk"]);
    let doors: BTreeSet<String> = ARTIFACT_DOORS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(callers(&sources, "artifact::judge"), doors, "{ARTIFACT_DOORS:?}");
    let opened = sources.iter().filter(|source| source.code().contains("open(ARTIFACT_TYPE"));
    assert_eq!(opened.map(|source| source.path.as_str()).collect::<Vec<_>>(), [ARTIFACT_HOME]);
}

#[test]
fn a_door_that_does_not_verify_is_seen() {
    for (path, when) in DOORS {
        let found = breaches(&with(path, |text| text.replace("signature::verify(", "trusted(")));
        assert!(found.contains(&format!("{path} does not verify {when}")), "{found:?}");
        // A comment is no call.
        let found =
            breaches(&with(path, |text| text.replace("signature::verify(", "trusted(/* signature::verify( */")));
        assert!(found.contains(&format!("{path} does not verify {when}")), "{found:?}");
    }
}

#[test]
fn a_second_way_to_verify_is_seen() {
    assert_none("as it is", &breaches(&doors()));
    for bad in [
        "fn mine(k: &VerifyingKey) { k.verify_strict(m, s) }",
        "use ed25519_dalek::Verifier as _;",
        "fn verify() {}",
        "fn mine(e: &Envelope) { e.open(RELEASE_TYPE, &[]) }",
        "fn mine() { signature::verify(c, e, w, l) }",
    ] {
        let mut sources = doors();
        sources.push(Source::new("platform/agent/src/mine.rs", bad));
        assert_eq!(breaches(&sources).len(), 1, "{bad}");
    }
}
