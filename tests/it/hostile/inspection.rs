//! Uploads that are no component of ours: refused by a rule, quickly, and before a compiler sees them.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::bytes::Digest;
use fitment_domain::run::{End, Invocation, Returned};
use fitment_domain::ticket::remote::{Call, Error};
use fitment_domain::validation::Severity;
use fitment_runner_client::{ComponentRef, PrepareError, RunSpec};

use super::guest::guest;
use super::lab::{Lab, check, describe, http};

/// What inspecting any of these takes at most, on a busy machine.
const QUICK: Duration = Duration::from_secs(5);

/// Each link instantiates the one before twice: a text of a few thousand bytes for 2^24 instances.
fn bomb() -> String {
    let links = (1..=24).map(|link| {
        format!(
            "(component $c{link} (alias outer 1 {} (component $before)) (instance (instantiate $before)) (instance (instantiate $before)))",
            link - 1
        )
    });
    let first = "(component $c0 (core module $m) (core instance (instantiate $m)))";
    format!("(component {first}{}(instance (instantiate $c24)))", links.collect::<String>())
}

/// What is wrong, by the rule that names it, and the text of an upload with it.
fn uploads() -> Vec<(&'static str, String)> {
    let core = |inside: &str| format!("(component (core module {inside}))");
    let import = |name: &str, inside: &str| format!("(component (import \"{name}\" {inside}))");
    vec![
        ("too-many-component-instances", bomb()),
        ("nested-components", "(component (component (component (component))))".to_owned()),
        ("core-module", "(module)".to_owned()),
        ("too-many-functions", core(&"(func)".repeat(50_000))),
        ("too-many-locals", core(&format!("(func {})", "(local i32)".repeat(1_000)))),
        ("memory-too-large", core("(memory 4000)")),
        ("too-many-memories", core("(memory 1) (memory 1) (memory 1)")),
        ("tables-too-large", core("(table 60000 funcref)")),
        ("custom-sections-too-large", format!("(component (@custom \"x\" \"{}\"))", "a".repeat(5 << 20))),
        ("invalid-component", core("(memory i64 1)")),
        ("invalid-component", core("(memory 1 2 shared)")),
        ("invalid-component", core("(func (result i32) i64.const 1)")),
        ("core-module-import", import("m", "(core module)")),
        ("unsupported-import", import("f", "(func)")),
        (
            "unknown-import",
            import("wasi:cli/environment@0.3.0", "(instance (export \"get-arguments\" (func (result (list string)))))"),
        ),
        (
            "contract-version",
            import("fitment:accessory/clock@0.2.0", "(instance (export \"now-ms\" (func (result u64))))"),
        ),
        ("no-world", import("fitment:accessory/clock@0.1.0", "(instance (export \"now-ms\" (func (result u32))))")),
        ("no-world", "(component)".to_owned()),
        ("start-function", "(component (import \"f\" (func $f)) (start $f))".to_owned()),
    ]
}

// proves C3 (refused before anything is compiled)
#[tokio::test]
async fn an_upload_that_is_no_component_of_ours_is_refused_by_its_rule_within_seconds() {
    let lab = Lab::new().await;
    let inspect = async |rule: &str, bytes: Vec<u8>| {
        let started = Instant::now();
        let inspection = lab.sandbox.inspect(Arc::from(bytes)).await;
        assert!(started.elapsed() < QUICK, "{rule}: {:?}", started.elapsed());
        let rules: Vec<&str> = inspection.problems.iter().map(|problem| problem.rule.as_str()).collect();
        assert!(rules.contains(&rule), "{rule} is not among {rules:?}");
        assert!(inspection.problems.iter().all(|problem| !problem.remedy.is_empty()), "{rule}");
    };
    for (rule, text) in uploads() {
        inspect(rule, wat::parse_str(&text).unwrap_or_else(|e| panic!("{rule}: {e}"))).await;
    }
    let good = guest("spins").bytes;
    inspect("not-a-component", Vec::new()).await;
    inspect("not-a-component", b"#!/bin/sh\nrm -rf /\n".repeat(10_000)).await;
    inspect("not-a-component", vec![0; 1024 * 1024]).await;
    inspect("malformed-component", good[..good.len() - 10].to_vec()).await;
    inspect("component-too-large", [&good[..], &vec![0; 33 << 20]].concat()).await;
    lab.sandbox.prepare(&guest("spins")).await.unwrap();
    // Compiled code as our own compiler wrote it, behind its authentication code.
    inspect("already-compiled", fs::read(lab.compiled()).unwrap()[32..].to_vec()).await;
}

// proves C3 (refused before anything is compiled)
#[tokio::test]
async fn a_component_bomb_is_refused_by_the_compiler_too() {
    let lab = Lab::new().await;
    let bytes: Arc<[u8]> = wat::parse_str(bomb()).unwrap().into();
    assert!(bytes.len() < 5_000, "{} bytes", bytes.len());
    let component = ComponentRef { digest: Digest::of(&bytes), bytes };
    let started = Instant::now();
    match lab.sandbox.prepare(&component).await {
        Err(PrepareError::Compile { reason, .. }) => {
            assert!(reason.contains("too-many-component-instances"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(lab.run(&component, check()).await.end, End::Refused(_)));
    assert!(started.elapsed() < QUICK, "{:?}", started.elapsed());
}

/// An older accessory against the newer server: what a connector may export besides the core changes nothing for one that does
/// not.
#[tokio::test]
async fn a_connector_of_the_core_alone_is_as_valid_as_before_and_says_what_it_does_not_do() {
    let (lab, asks) = (Lab::new().await, guest("asks"));
    let inspection = lab.sandbox.inspect(asks.bytes.clone()).await;
    assert_eq!((inspection.worlds, inspection.problems), (vec!["ticketing-connector".to_owned()], vec![]));
    let call = Call::Changes { cursor: None, boards: Vec::new(), max: 1 };
    let spec =
        RunSpec { invocation: Invocation::Connector(call), ..describe("", "", http(&["http://127.0.0.1:1"], &[])) };
    match lab.run(&asks, spec).await.end {
        End::Returned(Returned::Connector(Err(Error::Unsupported(text)))) => assert!(text.contains("ticketing-sync")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_guest_of_this_corpus_passes_inspection_so_that_running_it_is_the_next_line() {
    let lab = Lab::new().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/it/hostile/guests");
    let mut guests = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().unwrap().to_str().unwrap().strip_suffix(".wat") else { continue };
        let inspection = lab.sandbox.inspect(guest(name).bytes).await;
        assert!(inspection.problems.iter().all(|problem| problem.severity < Severity::Error), "{name}: {inspection:?}");
        assert_eq!(inspection.worlds.len(), 1, "{name}");
        guests += 1;
    }
    assert_eq!(guests, 12);
}
