//! What the gate refuses, by the rule that does: mostly texts that a generator says shorter than a file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::lab::Lab;

/// What the gate takes for any of these at most, on a busy machine.
const QUICK: Duration = Duration::from_secs(5);

/// One upload, and the rule that refuses it.
pub(super) struct Upload {
    pub(super) name: &'static str,
    pub(super) rule: &'static str,
    pub(super) bytes: Vec<u8>,
}

fn text(name: &'static str, rule: &'static str, text: &str) -> Upload {
    Upload { name, rule, bytes: wat::parse_str(text).unwrap_or_else(|e| panic!("{name}: {e}")) }
}

/// A component of one core module.
fn core(name: &'static str, rule: &'static str, inside: &str) -> Upload {
    text(name, rule, &format!("(component (core module {inside}))"))
}

fn component(name: &'static str, rule: &'static str, inside: &str) -> Upload {
    text(name, rule, &format!("(component {inside})"))
}

/// What every component begins with.
const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";

/// Writes a length as WebAssembly does.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// Returns every one of them.
pub(super) fn uploads() -> Vec<Upload> {
    [compile(), memory(), shape(), world(), bytes()].into_iter().flatten().collect()
}

/// What would cost a compiler more than it is worth.
fn compile() -> Vec<Upload> {
    let table = format!("(func (block (br_table {} (i32.const 0))))", "0 ".repeat(100_000));
    let locals = format!("(func (local {}))", "i32 ".repeat(1_000_000));
    let blocks = format!("(func {} {})", "block ".repeat(600_000), "end ".repeat(600_000));
    let large = format!("(func {})", "(drop (i64.const -9223372036854775808)) ".repeat(120_000));
    let doubling = (1..=24).map(|link| {
        let before = format!("(alias outer 1 {} (component $before))", link - 1);
        format!("(component $c{link} {before} (instance (instantiate $before)) (instance (instantiate $before)))")
    });
    let doubling = doubling.collect::<String>();
    let first = "(component $c0 (core module $m) (core instance (instantiate $m)))";
    // A component in a component, and so on: a section of kind 4.
    let nested = (0..1_000).fold(HEADER.to_vec(), |inside, _| [HEADER, &[4], &leb(inside.len()), &inside].concat());
    let options = (1..10_000).map(|n| format!("(type $t{n} (option $t{}))", n - 1)).collect::<String>();
    vec![
        core("a br_table of 100,000", "branch-table-too-large", &table),
        core("a million locals", "too-many-locals", &locals),
        core("600,000 blocks in each other", "function-too-large", &blocks),
        core("a function of more than a MiB", "function-too-large", &large),
        core("65,000 functions", "too-many-functions", &"(func)".repeat(65_000)),
        component(
            "instances that double",
            "too-many-component-instances",
            &format!("{first}{doubling}(instance (instantiate $c24))"),
        ),
        Upload { name: "a thousand components in each other", rule: "nested-components", bytes: nested },
        component("nine components beside each other", "too-many-components", &"(component)".repeat(9)),
        component("65 modules", "too-many-modules", &"(core module)".repeat(65)),
        component(
            "300 instances of a module",
            "too-many-core-instances",
            &format!("(core module $m){}", "(core instance (instantiate $m))".repeat(300)),
        ),
        component(
            "600 functions made from one",
            "too-many-canonical-functions",
            &format!("(type $r (resource (rep i32))){}", "(core func (canon resource.new $r))".repeat(600)),
        ),
        component("3,000 types", "too-many-types", &"(type (record (field \"x\" u8)))".repeat(3_000)),
        component("options 10,000 deep", "too-many-types", &format!("(type $t0 (option u8)){options}")),
    ]
}

/// What would take more room than anybody is granted.
fn memory() -> Vec<Upload> {
    let many = |what: &str, count: usize| what.repeat(count);
    vec![
        core("4 GiB of memory", "memory-too-large", "(memory 65536)"),
        core("129 MiB of memory", "memory-too-large", "(memory 2064)"),
        core("2,000 memories", "too-many-memories", &many("(memory 1)", 2_000)),
        core("10,000 tables", "too-many-tables", &many("(table 1 funcref)", 10_000)),
        core("a table of 10 million", "tables-too-large", "(table 10000000 funcref)"),
        core("two tables that are too large together", "tables-too-large", &many("(table 30000 funcref)", 2)),
        core(
            "60,000 elements for a table",
            "too-many-elements",
            &format!("(func $f)(table 1 funcref)(elem (i32.const 0) {})", "$f ".repeat(60_000)),
        ),
    ]
}

/// What our engine does not run.
fn shape() -> Vec<Upload> {
    vec![
        core("64-bit memory", "invalid-component", "(memory i64 1)"),
        core("shared memory", "invalid-component", "(memory 1 2 shared)"),
        core(
            "an atomic addition",
            "invalid-component",
            "(memory 1)(func (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1))))",
        ),
        core("a structure of the garbage collector", "invalid-component", "(type (struct (field i32)))"),
        core("an exception", "invalid-component", "(tag $t)(func (throw $t))"),
        core(
            "relaxed SIMD",
            "invalid-component",
            "(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))",
        ),
        core(
            "128-bit arithmetic",
            "invalid-component",
            "(func (param i64 i64 i64 i64) (result i64 i64) (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3)))",
        ),
        core("a wrong type", "invalid-component", "(func (result i32) i64.const 1)"),
        core("a function that is not there", "invalid-component", "(func (call 77))"),
        core(
            "an unaligned vector",
            "invalid-component",
            "(memory 1)(func (drop (v128.load align=16 (i32.const 0))))(data (i32.const 0) \"\")(func (result i32) (unreachable) (i64.const 1))",
        ),
        component("a start function", "start-function", "(import \"f\" (func $f)) (start $f)"),
        component("a value", "unsupported-import", "(import \"f\" (func))"),
        component("a component from outside", "unsupported-import", "(import \"c\" (component))"),
        component("a module from outside", "core-module-import", "(import \"m\" (core module))"),
    ]
}

/// What is no accessory, though it is a component.
fn world() -> Vec<Upload> {
    let import = |name: &'static str, rule: &'static str, of: &str, inside: &str| {
        component(name, rule, &format!("(import \"{of}\" (instance {inside}))"))
    };
    vec![
        component("nothing", "no-world", ""),
        import("files of WASI", "unknown-import", "wasi:filesystem/preopens@0.3.0", ""),
        import("sockets of WASI", "unknown-import", "wasi:sockets/tcp@0.3.0", ""),
        import("an interface of somebody else", "unknown-import", "somebody:else/thing", ""),
        import(
            "an interface that we do not have",
            "unknown-import",
            "fitment:accessory/shell@0.1.1",
            "(export \"run\" (func))",
        ),
        import(
            "a resource that we do not have",
            "unknown-import",
            "fitment:accessory/handles@0.1.1",
            "(export \"r\" (type (sub resource)))",
        ),
        import(
            "a contract of the future",
            "contract-version",
            "fitment:accessory/clock@9.0.0",
            "(export \"now-ms\" (func (result u64)))",
        ),
        import(
            "a clock of other types",
            "no-world",
            "fitment:accessory/clock@0.1.1",
            "(export \"now-ms\" (func (result string)))",
        ),
    ]
}

/// What is not even a component.
fn bytes() -> Vec<Upload> {
    let upload = |name, rule, bytes| Upload { name, rule, bytes };
    let good = wat::parse_str("(component (core module (func) (memory 1)))").unwrap();
    // A custom section: 0, its length in LEB128, a name of one letter, and zeros.
    let custom = |bytes: usize| [HEADER, &[0], &leb(bytes), &[1, b'x'], &vec![0; bytes - 2]].concat();
    vec![
        upload("nothing at all", "not-a-component", Vec::new()),
        upload("a script", "not-a-component", b"#!/bin/sh\nrm -rf /\n".repeat(1_000)),
        upload("an ELF program", "not-a-component", [b"\x7fELF\x02\x01\x01", &[0; 60][..]].concat()),
        upload("a module", "core-module", wat::parse_str("(module)").unwrap()),
        upload("a component of another layer", "not-a-component", b"\0asm\xff\xff\xff\xff".to_vec()),
        upload("half a component", "malformed-component", good[..good.len() - 5].to_vec()),
        upload(
            "a section of 4 GiB that is not there",
            "malformed-component",
            [HEADER, &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        ),
        upload(
            "a length that never ends",
            "malformed-component",
            [HEADER, &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80]].concat(),
        ),
        upload("a section of no known kind", "invalid-component", [HEADER, &[0x7f, 0]].concat()),
        upload("5 MiB of something else", "custom-sections-too-large", custom(5 << 20)),
        upload("100 MiB of something else", "component-too-large", custom(100 << 20)),
    ]
}

// proves C3 (refused before anything is compiled)
#[tokio::test]
async fn what_the_gate_refuses_is_refused_by_its_rule_within_seconds() {
    let (lab, all) = (Lab::new().await, uploads());
    let (mut wrong, mut slowest) = (Vec::new(), Duration::ZERO);
    for upload in &all {
        let started = Instant::now();
        let inspection = lab.sandbox.inspect(Arc::from(upload.bytes.as_slice())).await;
        slowest = slowest.max(started.elapsed());
        let rules: Vec<&str> = inspection.problems.iter().map(|problem| problem.rule.as_str()).collect();
        if !rules.contains(&upload.rule) {
            wrong.push(format!("{}: {} is not among {rules:?}", upload.name, upload.rule));
        }
        if started.elapsed() > QUICK {
            wrong.push(format!("{} takes {:?}", upload.name, started.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    println!("{} uploads are refused, the slowest after {slowest:?}", all.len());
}
