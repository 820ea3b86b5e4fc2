//! Components that nobody wrote, of wasm-smith: wild ones for the gate, and such with the imports and exports of our worlds, which run.
//!
//! Component `n` is always the same. Every run takes a slice, another one with every commit; `cargo verify --smith` takes all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arbitrary::Unstructured;
use fitment_domain::bytes::Digest;
use fitment_domain::run::{End, Invocation};
use fitment_domain::ticket::remote::Call;
use fitment_runner_client::ComponentRef;
use futures_util::StreamExt as _;
use wasm_smith::{Component, Config, MemoryOffsetChoices, Module};
use wit_component::StringEncoding;

use super::fuzz::mutate::Mutator;
use super::guest::{VERSION, encoded};
use super::lab::{Lab, PATIENCE, check_within};

/// How many there are.
const ALL: u64 = 10_000;
/// How many a usual run takes.
const SLICE: u64 = 500;
/// Of each five this many are wild.
const WILD_OF_FIVE: u64 = 2;
/// After so many a new sandbox: its cache keeps what it compiled.
const PER_LAB: usize = 250;
const AT_A_TIME: usize = 4;
/// What inspecting, compiling and running one of them takes at most, on a busy machine.
const SLOW: Duration = Duration::from_secs(180);

/// What the module of a world has to export, and may import, in the types of the canonical ABI.
fn shape(server: bool) -> (Vec<u8>, Vec<u8>) {
    let accessory = "fitment:accessory";
    let imports = format!(
        r#"(module
          (import "{accessory}/clock@{VERSION}" "now-ms" (func (result i64)))
          (import "{accessory}/clock@{VERSION}" "monotonic-ns" (func (result i64)))
          (import "{accessory}/logging@{VERSION}" "log" (func (param i32 i32 i32)))
          (import "{accessory}/run-context@{VERSION}" "config" (func (param i32)))
          (import "{accessory}/run-context@{VERSION}" "parameters" (func (param i32)))
          (import "{accessory}/run-context@{VERSION}" "remaining-ms" (func (result i32)))
          {})"#,
        if server {
            String::new()
        } else {
            format!(
                r#"(import "{accessory}/device@{VERSION}" "get-fact" (func (param i32 i32 i32)))
                   (import "{accessory}/device@{VERSION}" "list-facts" (func (param i32)))"#
            )
        }
    );
    let ticketing = format!("{accessory}/ticketing@{VERSION}");
    let words = |count: usize| "i32 ".repeat(count);
    let entries = if server {
        let entry = |name: &str, parameters: String| {
            format!("(func (export \"{ticketing}#{name}\") (param {parameters}) (result i32) (unreachable))")
        };
        [
            entry("describe", String::new()),
            entry("get-ticket", words(2)),
            entry("find-by-external-ref", words(2)),
            entry("create-ticket", words(14)),
            entry("update-ticket", words(1)),
            entry("add-note", words(7)),
            entry("list-notes", "i32 i32 i32 i64 i32 i32 i32".to_owned()),
        ]
        .concat()
    } else {
        format!("(func (export \"{accessory}/monitor-run@{VERSION}#check\") (result i32) (unreachable))")
    };
    let exports = format!(
        r#"(module
          (memory (export "memory") 2 64)
          (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
          {entries})"#
    );
    (wat::parse_str(imports).unwrap(), wat::parse_str(exports).unwrap())
}

/// One that was made: whether it is to run on the server, and its bytes or why there are none.
struct Made {
    server: bool,
    bytes: Result<Vec<u8>, &'static str>,
}

fn make(number: u64, shapes: &[(Vec<u8>, Vec<u8>); 2]) -> Made {
    let mut numbers = Mutator::new(number + 1);
    let length = 256 + numbers.below(6_000);
    let bytes: Vec<u8> = (0..length).map(|_| (numbers.next() >> 40) as u8).collect();
    let mut source = Unstructured::new(&bytes);
    if number % 5 < WILD_OF_FIVE {
        let made = Component::new(Config::default(), &mut source).map(|component| component.to_bytes());
        return Made { server: false, bytes: made.map_err(|_| "wasm-smith") };
    }
    let server = number.is_multiple_of(2);
    let (imports, exports) = &shapes[usize::from(server)];
    let config = Config {
        available_imports: Some(imports.clone()),
        exports: Some(exports.clone()),
        max_memory32_bytes: 8 << 20,
        max_memories: 1,
        max_table_elements: 1_000,
        max_instructions: 20 + numbers.below(400),
        // Mostly within memory, so that more than the first instruction is reached.
        memory_offset_choices: MemoryOffsetChoices(95, 4, 1),
        // What the engine does not run is for the gate: a few have it.
        reference_types_enabled: number.is_multiple_of(13),
        gc_enabled: number.is_multiple_of(17),
        exceptions_enabled: number.is_multiple_of(19),
        relaxed_simd_enabled: number.is_multiple_of(23),
        threads_enabled: number.is_multiple_of(29),
        memory64_enabled: number.is_multiple_of(31),
        ..Config::default()
    };
    let world = if server { "ticketing-connector" } else { "monitor" };
    let module = Module::new(config, &mut source).map_err(|_| "wasm-smith");
    let bytes = module.and_then(|m| encoded(m.to_bytes(), world, StringEncoding::UTF8).map_err(|_| "wit-component"));
    Made { server, bytes }
}

/// Inspects, compiles and runs one, and says where it stopped.
async fn tried(lab: &Lab, number: u64, shapes: &[(Vec<u8>, Vec<u8>); 2]) -> String {
    let Made { server, bytes } = make(number, shapes);
    let bytes: Arc<[u8]> = match bytes {
        Ok(bytes) => bytes.into(),
        Err(tool) => return format!("1 not made by {tool}"),
    };
    let begun = Instant::now();
    let inspection = lab.sandbox.inspect(bytes.clone()).await;
    if let Some(problem) = inspection.problems.first() {
        assert_ne!(problem.rule, "inspection-failed", "component {number}: {problem:?}");
        return format!("2 refused at the gate: {}", problem.rule);
    }
    let component = ComponentRef { digest: Digest::of(&bytes), bytes };
    let prepared = tokio::time::timeout(PATIENCE, lab.sandbox.prepare(&component)).await.expect("compiled in time");
    if let Err(error) = prepared {
        let words: String = error.to_string().chars().filter(|c| !c.is_ascii_digit()).take(80).collect();
        return format!("3 not compiled or not loaded: {words}");
    }
    let mut spec = check_within(|b| (b.fuel_max, b.cpu_ms_max, b.wall_ms_max) = (20_000_000, 300, 10_000));
    if server {
        spec.invocation = Invocation::Connector(Call::Describe);
    }
    let report = lab.run(&component, spec).await;
    assert!(begun.elapsed() < SLOW, "component {number} takes {:?}", begun.elapsed());
    let first = |text: &str| text.lines().next().unwrap_or_default().chars().take(60).collect::<String>();
    match report.end {
        End::Returned(_) => "4 ran: returned".to_owned(),
        End::Fault(_) => "4 ran: a fault of its own, or findings that break a rule".to_owned(),
        End::Exhausted(bound) => format!("4 ran: {bound}"),
        End::Trapped(text) => format!("4 ran: trapped, {}", first(&text).replace(|c: char| c.is_ascii_digit(), "")),
        End::Refused(why) => format!("3 not linked: {}", first(&why)),
        End::RunnerLost(why) => panic!("component {number} takes the runner down: {why}"),
    }
}

// proves C3 (refused before anything is compiled), C3 (bounds of processor and time)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_that_nobody_wrote_are_refused_or_run_to_an_end_and_the_runner_lives() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let count = number("FITMENT_SMITH_COUNT").unwrap_or(SLICE);
    // Another slice with every commit; without one, the first.
    let first = number("FITMENT_SMITH_FIRST").unwrap_or(0) % ALL;
    let shapes = [shape(false), shape(true)];
    let mut stops: BTreeMap<String, u64> = BTreeMap::new();
    let numbers: Vec<u64> = (first..first + count).map(|number| number % ALL).collect();
    for some in numbers.chunks(PER_LAB) {
        let lab = Lab::new().await;
        let runner = lab.runner();
        let tries = futures_util::stream::iter(some).map(|number| tried(&lab, *number, &shapes));
        let ends: Vec<String> = tries.buffer_unordered(AT_A_TIME).collect().await;
        ends.into_iter().for_each(|end| *stops.entry(end).or_default() += 1);
        assert_eq!(lab.runner(), runner, "the same process");
    }
    let ran: u64 = stops.iter().filter(|(end, _)| end.starts_with('4')).map(|(_, count)| count).sum();
    println!("{count} components from {first} on, of which {ran} passed the gate and ran to an end:");
    stops.iter().for_each(|(end, count)| println!("{count:6}  {}", &end[2..]));
    assert!(ran * 5 >= count, "{ran} of {count} ran");
}
