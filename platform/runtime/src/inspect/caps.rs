//! Bounds on structure: each stands below a measured compile bomb and above what real guests in Rust, JavaScript and Python bring.

use fitment_domain::budget::Budget;
use fitment_domain::validation::Problem;

use super::structure::Structure;
use crate::engine::MEMORIES_PER_RUN;

struct Cap {
    rule: &'static str,
    what: &'static str,
    seen: u64,
    max: u64,
    remedy: &'static str,
}

const SMALLER: &str = "Split the accessory, or build it with optimisation for size.";
const FLATTER: &str = "Build with the SDK: its components nest at most one component per exported interface.";
const SIMPLER: &str = "Split the function, or build with optimisation (opt-level \"s\").";

/// Holds what was seen against the bounds.
pub(super) fn check(seen: &Structure) -> Vec<Problem> {
    let exceeded = caps(seen).into_iter().filter(|cap| cap.seen > cap.max);
    exceeded
        .map(|cap| Problem::error(cap.rule, format!("{} {}, at most {}", cap.seen, cap.what, cap.max), cap.remedy))
        .collect()
}

fn caps(seen: &Structure) -> Vec<Cap> {
    let ceiling = Budget::ceiling();
    let cap = |rule, what, seen, max, remedy| Cap { rule, what, seen, max, remedy };
    vec![
        cap("too-many-functions", "functions", seen.functions, 40_000, SMALLER),
        cap("function-too-large", "bytes in one function body", seen.body_bytes_max, 1024 * 1024, SIMPLER),
        cap("too-many-locals", "locals in one function", seen.locals_max, 600, SIMPLER),
        cap("branch-table-too-large", "targets in one br_table", seen.br_table_targets_max, 10_000, SIMPLER),
        cap("too-many-modules", "core modules", seen.modules, 64, SMALLER),
        // One level for the component, one for a nested component, one for the module in it. Instances are bounded in sum:
        // a chain of components that each instantiate the one before doubles at every link, 8 links of 2 make 256.
        cap("nested-components", "levels of nesting", seen.nesting, 3, FLATTER),
        cap("too-many-components", "nested components", seen.components, 8, FLATTER),
        cap("too-many-component-instances", "component instances", seen.component_instances, 16, FLATTER),
        cap("too-many-core-instances", "core instances", seen.core_instances, 256, SMALLER),
        cap(
            "too-many-memories",
            "linear memories",
            seen.memories,
            u64::from(MEMORIES_PER_RUN),
            "Use one linear memory.",
        ),
        cap(
            "memory-too-large",
            "bytes of memory at the start",
            seen.memory_bytes_min,
            ceiling.memory_bytes_max,
            "Lower the initial memory and the stack size (`-zstack-size`).",
        ),
        cap("too-many-tables", "tables", seen.tables, 16, SMALLER),
        cap(
            "tables-too-large",
            "table elements at the start",
            seen.table_elements_min,
            ceiling.table_elements_max,
            SMALLER,
        ),
        cap("too-many-elements", "elements in element segments", seen.elements, 50_000, SMALLER),
        cap("too-many-canonical-functions", "lifted and lowered functions", seen.canonical_functions, 512, SMALLER),
        cap("too-many-types", "types of the component", seen.types, 2_000, SMALLER),
        cap(
            "custom-sections-too-large",
            "bytes of custom sections",
            seen.custom_bytes,
            4 * 1024 * 1024,
            "Strip debug information and names (`strip = true`).",
        ),
        cap(
            "core-module-import",
            "imported core modules",
            seen.core_module_imports,
            0,
            "Bring every module inside the component: accessories import interfaces of the contract only.",
        ),
        cap(
            "unsupported-import",
            "imported functions, values or components outside an interface",
            seen.foreign_imports,
            0,
            "Import interfaces of the contract (`fitment:accessory/…`) only.",
        ),
        cap(
            "start-function",
            "component start functions",
            seen.start_functions,
            0,
            "Do the work in the exported function.",
        ),
    ]
}
