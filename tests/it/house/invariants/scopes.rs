//! Invariants 8 and 9: the store takes the tenant from the scope, and its own tests look at every column and key.

use crate::house::assert_none;
use crate::house::scan::block_end;
use crate::house::source::{Source, read, rust};

/// Functions that need no scope of their own: (name, why).
const WITHOUT_SCOPE: &[(&str, &str)] = &[
    ("commit", "ends the transaction and touches no row itself"),
    ("bump_epoch", "works through epoch and put_platform_value, which ask for the platform"),
];
/// Functions that take a tenant's id: (name, why). Only those of the platform's scope may come here.
const WITH_TENANT_ARGUMENT: &[(&str, &str)] = &[];

/// How a function asks for its scope, or writes under it.
const ASKS: &[&str] = &["self.tenant()", "self.part()", "self.platform()", "self.publisher_scope()", "self.owner()"];

fn listed(list: &[(&str, &str)], name: &str) -> bool {
    list.iter().any(|(listed, _)| *listed == name)
}

fn unscoped(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let code = source.code();
        let blocks: Vec<_> = code.match_indices("impl Tx {").map(|(at, _)| at..block_end(&code, at)).collect();
        let inside = |at: usize| blocks.iter().any(|block| block.contains(&at));
        for function in source.functions().iter().filter(|f| f.before == "pub async" && inside(f.start)) {
            let place = format!("{}:{} fn {}", source.path, function.line, function.name);
            let arguments = function.signature.split("->").next().unwrap_or_default();
            if arguments.contains("TenantId") && !listed(WITH_TENANT_ARGUMENT, &function.name) {
                found.push(format!("{place} takes a tenant; the scope says whose rows these are"));
            }
            if !ASKS.iter().any(|ask| function.code.contains(ask)) && !listed(WITHOUT_SCOPE, &function.name) {
                found.push(format!("{place} works in any scope"));
            }
        }
    }
    found
}

#[test]
fn the_store_takes_the_tenant_from_the_scope() {
    let sources = rust(&["platform/store"]);
    let asking = sources.iter().flat_map(Source::functions).filter(|f| f.code.contains("self.tenant()")).count();
    assert!(asking > 20, "only {asking} functions ask for a tenant: the check looks in the wrong place");
    assert_none("scopes", &unscoped(&sources));
}

#[test]
fn every_exception_is_still_there() {
    let functions: Vec<String> = rust(&["platform/store"]).iter().flat_map(Source::functions).map(|f| f.name).collect();
    for (name, _) in WITHOUT_SCOPE.iter().chain(WITH_TENANT_ARGUMENT) {
        assert!(functions.iter().any(|function| function == name), "{name} is gone: take it off the list");
    }
}

#[test]
fn a_function_without_scope_or_with_a_tenant_is_seen() {
    let source = |inner: &str| Source::new("platform/store/src/a.rs", &format!("impl Tx {{\n    {inner}\n}}"));
    assert_eq!(unscoped(&[source("pub async fn a(&mut self) -> Result<()> { self.rows(q).await }")]).len(), 1);
    let taken = "pub async fn a(&mut self, tenant: &TenantId) -> Result<()> { self.platform()?; Ok(()) }";
    assert_eq!(unscoped(&[source(taken)]).len(), 1);
    assert_none("good", &unscoped(&[source("pub async fn a(&mut self) -> Result<TenantId> { self.tenant() }")]));
}

/// The store's tests read the columns and keys of the migrations; here it is only seen to that nobody removes them.
#[test]
fn the_stores_tests_look_at_types_and_keys() {
    let tests = read(&["tests/it/store"], &[".rs"]);
    let functions: Vec<_> = tests.iter().flat_map(Source::functions).collect();
    for (what, word) in [("the four column types", "DOUBLE PRECISION"), ("the tenant in front", "tenant_id")] {
        let found = functions.iter().any(|f| f.texts.iter().any(|text| text == word));
        assert!(found, "no function of tests/it/store looks at {what} ({word:?})");
    }
}
