//! What can be said of a component without running or compiling it.
//!
//! Cheap before expensive, and each step trusts only what the steps before it have bounded: header, structure against caps,
//! full validation with the features that we run, then the component's interface against the contract.

mod caps;
mod structure;
mod target;
mod walk;

use fitment_domain::validation::{Inspection, Problem};
use wasmparser::{Parser, Validator, WasmFeatures};

/// The largest component that is looked at, in bytes. 32 MiB covers what JavaScript and Python bring.
pub const COMPONENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What our engine runs, and no more: wit-parser and wit-component accept everything, so they are no gate.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .difference(WasmFeatures::GC_TYPES);

/// Inspects a component. Every finding is in the answer; an inspection with an error among its problems is not complete.
pub fn inspect(bytes: &[u8]) -> Inspection {
    let mut inspection = structure(bytes);
    if inspection.problems.is_empty() {
        target::check(bytes, &mut inspection);
    }
    inspection
}

/// Checks all that must hold before a compiler sees the bytes. It names no problem only if they may be compiled.
pub fn structure(bytes: &[u8]) -> Inspection {
    let mut inspection = Inspection::default();
    if let Err(problem) = header(bytes) {
        inspection.problems.push(problem);
        return inspection;
    }
    match walk::walk(bytes) {
        Ok(structure) => {
            inspection.functions = structure.functions;
            inspection.memory_bytes_min = structure.memory_bytes_min;
            inspection.problems = caps::check(&structure);
        }
        Err(error) => inspection.problems.push(malformed(&error)),
    }
    if inspection.problems.is_empty()
        && let Err(error) = Validator::new_with_features(FEATURES).validate_all(bytes)
    {
        inspection.problems.push(Problem::error(
            "invalid-component",
            format!("the component does not validate: {error}"),
            "Build with the SDK's pinned tools: threads, garbage collection, exceptions, 64-bit memory, relaxed SIMD and \
             component-model async are not supported.",
        ));
    }
    inspection
}

fn header(bytes: &[u8]) -> Result<(), Problem> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        return Err(Problem::error(
            "component-too-large",
            format!("{} bytes, at most {COMPONENT_BYTES_MAX} are taken", bytes.len()),
            "Optimise for size, strip debug information, and leave data out of the component.",
        ));
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(Problem::error(
            "already-compiled",
            "this is compiled machine code, not a component",
            "Upload the .wasm component; the platform compiles it.",
        ));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(Problem::error(
            "core-module",
            "this is a core WebAssembly module, not a component",
            "Make it a component: `fitment build` does, or `wasm-tools component new`.",
        ));
    }
    if !Parser::is_component(bytes) {
        return Err(Problem::error(
            "not-a-component",
            "the bytes do not begin with the header of a WebAssembly component",
            "Upload the .wasm file that `fitment build` wrote.",
        ));
    }
    Ok(())
}

fn malformed(error: &wasmparser::BinaryReaderError) -> Problem {
    Problem::error(
        "malformed-component",
        format!("the component does not parse: {error}"),
        "Build it again and upload the file unchanged.",
    )
}
