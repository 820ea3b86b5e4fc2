//! Invariant 1: the domain does no I/O and reads no clock.

use crate::house::assert_none;
use crate::house::scan::word_positions;
use crate::house::source::{Source, rust};

/// Modules of std that reach out of the process, or look at its surroundings.
const MODULES: &[&str] = &["fs", "net", "io", "env", "process", "thread", "os"];
/// Words that no domain code has a use for.
const WORDS: &[&str] = &[
    "SystemTime",
    "Instant",
    "tokio",
    "getrandom",
    "rand",
    "rand_core",
    "OsRng",
    "async",
    "await",
    "print",
    "println",
    "eprint",
    "eprintln",
    "unsafe",
    "static",
    "thread_local",
];

fn reaches_out(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let code = source.code();
        for word in WORDS {
            let places = word_positions(&code, word).filter(|at| !code[..*at].ends_with('\''));
            found.extend(places.map(|at| format!("{}: {word}", source.at(at))));
        }
        for (at, path) in std_paths(&code) {
            if MODULES.contains(&path.as_str()) {
                found.push(format!("{}: std::{path}", source.at(at)));
            }
        }
    }
    found
}

/// Returns the modules of std that code names, also in groups: `use std::{fmt, fs::File}`.
fn std_paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("std::") {
        let rest = &code[at + "std::".len()..];
        let first =
            |part: &str| part.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match rest.strip_prefix('{').and_then(|_| rest.get(1..crate::house::scan::block_end(rest, 0))) {
            Some(group) => found.extend(group.split([',', '{']).map(|part| (at, first(part)))),
            None => found.push((at, first(rest))),
        }
    }
    found
}

#[test]
fn the_domain_does_no_io_and_reads_no_clock() {
    assert_none("domain", &reaches_out(&rust(&["platform/domain"])));
}

#[test]
fn io_and_clocks_in_the_domain_are_seen() {
    for bad in [
        "use std::{fmt, fs::File};",
        "use std::{\n    fmt,\n    time::{Duration, Instant},\n};",
        "fn a() { std::net::TcpStream::connect(x) }",
        "async fn a() {}",
        "let n = getrandom::fill(b);",
    ] {
        assert_eq!(reaches_out(&[Source::new("platform/domain/src/a.rs", bad)]).len(), 1, "{bad}");
    }
    let good =
        "//! Not std::fs, not tokio.\nuse std::{fmt, collections::BTreeMap};\nconst A: &'static str = \"SystemTime\";";
    assert_none("good", &reaches_out(&[Source::new("platform/domain/src/a.rs", good)]));
}
