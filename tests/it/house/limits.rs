//! `docs/limits.md` names every bound, and a test of each that is there and has its mutation.

use fitment_domain::budget::Budget;

use super::source::{Source, read, root};

const FILE: &str = "docs/limits.md";
const CAPS: &str = "platform/runtime/src/inspect/caps.rs";

/// Returns the rows of the document's tables, each with its cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.contains("---"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// Returns what stands as code in a text.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the rules that a source file names as bounds on structure.
fn rules(source: &str) -> Vec<&str> {
    let calls = source.split("cap(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
    calls.filter_map(|rest| rest.split('"').next()).collect()
}

fn is_function(name: &str) -> bool {
    name.len() > 20
        && name.contains('_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[test]
fn every_field_of_a_budget_and_every_cap_has_its_row() {
    let text = std::fs::read_to_string(root().join(FILE)).unwrap();
    let firsts: Vec<String> = rows(&text).into_iter().map(|mut row| row.remove(0)).collect();
    let budget = serde_json::to_value(Budget::default_for_accessories()).unwrap();
    let caps = std::fs::read_to_string(root().join(CAPS)).unwrap();
    let fields = budget.as_object().unwrap().keys().map(String::as_str);
    let wanted: Vec<&str> = fields.chain(rules(&caps)).collect();
    assert!(wanted.len() > 25, "{wanted:?}");
    let missing: Vec<&&str> =
        wanted.iter().filter(|name| !firsts.iter().any(|first| codes(first).next() == Some(**name))).collect();
    assert!(missing.is_empty(), "{FILE} lacks {missing:?}");
}

#[test]
fn every_limit_names_a_test_that_is_there_and_turns_red_without_it() {
    let text = std::fs::read_to_string(root().join(FILE)).unwrap();
    let sources = read(&["tests/it", "platform"], &["rs"]);
    let named: Vec<&str> = codes(&text).filter(|name| is_function(name)).collect();
    assert!(named.len() > 25, "{named:?}");
    let missing: Vec<&&str> = named.iter().filter(|name| !is_there(name, &sources)).collect();
    assert!(missing.is_empty(), "{FILE} names tests that are not there: {missing:?}");

    let mutations = std::fs::read_to_string(root().join("tests/mutations.toml")).unwrap();
    let in_rows = rows(&text).into_iter().filter_map(|row| row.last().cloned());
    let unbroken: Vec<String> = in_rows
        .flat_map(|cell| codes(&cell).filter(|name| is_function(name)).map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| !mutations.contains(&format!("::{name}\"")))
        .collect();
    assert!(unbroken.is_empty(), "tests/mutations.toml takes nothing out that turns these red: {unbroken:?}");
}

fn is_there(name: &str, sources: &[Source]) -> bool {
    sources.iter().any(|source| source.text.contains(&format!("fn {name}(")))
}

#[test]
fn every_cap_is_taken_out_in_a_mutation_of_its_own() {
    let caps = std::fs::read_to_string(root().join(CAPS)).unwrap();
    let mutations = std::fs::read_to_string(root().join("tests/mutations.toml")).unwrap();
    let missing: Vec<&str> = rules(&caps)
        .into_iter()
        .filter(|rule| !mutations.contains(&format!("claim = \"The gate refuses: {rule}\"")))
        .collect();
    assert!(missing.is_empty(), "tests/mutations.toml lacks {missing:?}");
}

#[test]
fn a_cap_and_a_row_are_read() {
    assert_eq!(rules("cap(\"a-b\", x), cap(\n  \"c\","), ["a-b", "c"]);
    assert_eq!(rows("| `a`: b | 1 |\n|---|---|\n"), [["`a`: b", "1"]]);
}
