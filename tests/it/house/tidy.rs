//! What stands where, and how it looks.

use std::collections::BTreeSet;

use super::assert_none;
use super::source::{Source, read, root, rust};

const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "accessories",
    "docs",
    "platform",
    "sdk",
    "tests",
    "wit",
];
const FOLDERS: &[&str] = &["platform", "sdk", "accessories", "tests"];
const ENDINGS: &[&str] = &[".rs", ".toml", ".md", ".wit", ".sql", ".sh", ".pl", ".json", "/run"];

/// Lines of a file, and of a function: what is reported, and what fails.
const FILE_LINES: (usize, usize) = (300, 500);
const FUNCTION_LINES: (usize, usize) = (70, 120);

/// In pieces, so that this file does not find itself.
const UNFINISHED: &[&str] = &[concat!("todo", "!"), concat!("unimpl", "emented!"), concat!("FIX", "ME")];
const WORKPLACE: &[&str] = &[concat!("/wo", "rk/"), concat!("../sha", "red"), concat!(".libr", "ary")];

fn misplaced(found: &BTreeSet<String>) -> Vec<String> {
    let expected: BTreeSet<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    let tolerated = |name: &str| name.starts_with('.') || name == "target";
    let strange = found.difference(&expected).filter(|name| !tolerated(name));
    let strange = strange.map(|name| format!("{name} does not belong at the top of the repository"));
    strange.chain(expected.difference(found).map(|name| format!("{name} is missing"))).collect()
}

fn undescribed(sources: &[Source]) -> Vec<String> {
    let described = |text: &str| text.starts_with("//!") || text.starts_with("#![doc");
    let missing = sources.iter().filter(|source| !described(&source.text));
    missing.map(|source| format!("{}: its first line says what the module is for: //! …", source.path)).collect()
}

/// Finds words that must not be there. A word that goes on to the left is another one: `src/work/` is a folder of ours.
fn words(sources: &[Source], forbidden: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for word in forbidden {
            let mut places = source.text.match_indices(word).filter(|(at, _)| {
                !source.text[..*at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | ']' | '?'))
            });
            if let Some((at, _)) = places.next() {
                found.push(format!("{}: {word}", source.at(at)));
            }
        }
    }
    found
}

/// Returns what is longer than a limit: lines, place.
fn long(sources: &[Source], file_lines: usize, function_lines: usize) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let lines = source.text.lines().count();
        if lines > file_lines {
            found.push((lines, format!("{lines:>4} lines: {}", source.path)));
        }
        for function in super::scan::functions(&source.text).iter().filter(|f| f.lines > function_lines) {
            found.push((
                function.lines,
                format!("{:>4} lines: {}:{} fn {}", function.lines, source.path, function.line, function.name),
            ));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, words)| words).collect()
}

// proves C1 (the fixed top level)
#[test]
fn the_top_level_holds_what_it_is_meant_to_hold() {
    let entries = std::fs::read_dir(root()).unwrap();
    let found = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_none("top level", &misplaced(&found));
}

#[test]
fn a_stray_or_missing_entry_of_the_top_level_is_seen() {
    let mut found: BTreeSet<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    found.extend([".ci".to_owned(), "target".to_owned()]);
    assert_none("the list itself", &misplaced(&found));
    found.insert("utils".to_owned());
    found.remove("README.md");
    assert_eq!(misplaced(&found), ["utils does not belong at the top of the repository", "README.md is missing"]);
}

#[test]
fn every_module_says_what_it_is_for() {
    assert_none("module docs", &undescribed(&rust(&["platform", "sdk", "accessories"])));
    let sample = Source::new("platform/x/src/a.rs", "// Not a module doc.\nuse std::fmt;\n");
    assert_eq!(undescribed(&[sample]).len(), 1);
}

#[test]
fn nothing_is_left_unfinished() {
    assert_none("unfinished", &words(&read(FOLDERS, ENDINGS), UNFINISHED));
    let sample = format!("fn a() {{ {}() }}", UNFINISHED[0]);
    assert_eq!(words(&[Source::new("a.rs", &sample)], UNFINISHED).len(), 1);
}

#[test]
fn nothing_points_out_of_the_repository() {
    let everything = read(&["."], ENDINGS);
    assert!(everything.iter().any(|source| source.path.ends_with(".ci/run")), "the walk does not see dotfiles");
    assert_none("names of a workplace", &words(&everything, WORKPLACE));
    for pattern in WORKPLACE {
        assert_eq!(words(&[Source::new("a.md", &format!("see `{pattern}x`"))], WORKPLACE).len(), 1, "{pattern}");
    }
    let ours = Source::new("a.md", &format!("platform/server/src{}deliver.rs and x{}", WORKPLACE[0], WORKPLACE[2]));
    assert_none("a folder and a method of our own", &words(&[ours], WORKPLACE));
}

#[test]
fn files_and_functions_stay_short() {
    let sources = read(FOLDERS, &[".rs"]);
    for line in long(&sources, FILE_LINES.0, FUNCTION_LINES.0) {
        println!("long: {line}");
    }
    assert_none("far too long", &long(&sources, FILE_LINES.1, FUNCTION_LINES.1));
}

#[test]
fn a_long_file_and_a_long_function_are_seen() {
    let text = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(FILE_LINES.1));
    let found = long(&[Source::new("a.rs", &text)], FILE_LINES.1, FUNCTION_LINES.1);
    assert_eq!(found, [" 502 lines: a.rs:1 fn long", " 502 lines: a.rs"]);
}
