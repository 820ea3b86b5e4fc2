//! Documents say what is there: generated ones are current, and links lead somewhere.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::assert_none;
use super::source::{Source, read, root};

const OPENAPI: &str = "docs/openapi.json";
/// How to bring a generated document up to date.
const REMEDY: &str = "UPDATE_SNAPSHOTS=1 cargo test -p fitment-tests --test it house::documents";

/// Returns a program of ours: where `FITMENT_PROGRAMS` says, else where cargo put it beside this test.
fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("FITMENT_PROGRAMS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned());
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is not there: cargo build -p {name}", path.display());
    path
}

#[test]
fn the_stored_api_description_is_the_servers_own() {
    let output = Command::new(program("fitment-server")).arg("openapi").output().unwrap();
    assert!(output.status.success(), "fitment-server openapi: {}", String::from_utf8_lossy(&output.stderr));
    let current = String::from_utf8(output.stdout).unwrap();
    let path = root().join(OPENAPI);
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &current).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{OPENAPI}: {e}; write it with {REMEDY}"));
    let differs = stored.lines().zip(current.lines()).position(|(stored, current)| stored != current);
    assert!(stored == current, "{OPENAPI} is old from line {} on; {REMEDY}", differs.map_or(1, |line| line + 1));
}

/// A place that a document names.
struct Reference {
    target: String,
    line: usize,
    /// A link is relative to its document, a path in the text to the top of the repository.
    link: bool,
}

/// Returns the links of a document, and the paths of ours that stand in its text as code.
fn references(text: &str) -> Vec<Reference> {
    const TOPS: &[&str] = &["platform/", "sdk/", "accessories/", "tests/", "wit/", "docs/"];
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        for (at, part) in line.split('`').enumerate() {
            if at % 2 == 0 {
                let targets = part.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
                found.extend(targets.map(|target| Reference {
                    target: target.to_owned(),
                    line: line_number,
                    link: true,
                }));
            } else if TOPS.iter().any(|top| part.starts_with(top)) && !part.contains([' ', '*', '{', '<', '…']) {
                let target = part.split(':').next().unwrap_or(part).to_owned();
                found.push(Reference { target, line: line_number, link: false });
            }
        }
        // A link around code was cut at the quotes: [`a`](b).
        let bridged = line.split("`](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let known: Vec<String> = found.iter().filter(|f| f.line == line_number).map(|f| f.target.clone()).collect();
        let missed = bridged.filter(|target| !known.iter().any(|k| k == target));
        found.extend(missed.map(|target| Reference { target: target.to_owned(), line: line_number, link: true }));
    }
    found
}

fn broken(documents: &[Source], exists: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for document in documents {
        for reference in references(&document.text) {
            let target = reference.target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let folder = if reference.link { Path::new(&document.path).parent() } else { None };
            let inside = normal(&folder.unwrap_or(Path::new("")).join(target));
            if !inside.is_some_and(|path| exists(&path)) {
                found.push(format!("{}:{}: {target} is not there", document.path, reference.line));
            }
        }
    }
    found
}

/// Resolves `..`; none outside the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => out.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

#[test]
fn links_and_paths_in_documents_lead_to_files() {
    let documents = read(&["."], &[".md"]);
    let wanted = ["README.md", "ARCHITECTURE.md", "docs/requirements.md", "sdk/guest/README.md"];
    let missing = wanted.iter().filter(|wanted| !documents.iter().any(|document| document.path == **wanted));
    let mut breaches: Vec<String> = missing.map(|path| format!("{path} is missing")).collect();
    breaches.extend(broken(&documents, |path| root().join(path).exists()));
    assert_none("links", &breaches);
}

#[test]
fn a_broken_link_is_seen() {
    let text = "[a](gone.md) [b](../README.md#part) [c](https://example.com/x) [`d`](../docs/gone.rs \"t\")\n\
                `platform/gone.rs` `platform/domain/src/lib.rs:12` `docs/*.md` [top](#here)\n```\n[e](fenced.md)\n```\n[f](../../out)\n";
    let there = ["README.md", "platform/domain/src/lib.rs"].map(PathBuf::from);
    let found = broken(&[Source::new("docs/a.md", text)], |path| there.contains(&path.to_owned()));
    assert_eq!(
        found,
        [
            "docs/a.md:1: gone.md is not there",
            "docs/a.md:1: ../docs/gone.rs is not there",
            "docs/a.md:2: platform/gone.rs is not there",
            "docs/a.md:6: ../../out is not there",
        ]
    );
}

/// Returns what a text names as code in the second column of its tables.
fn claimed_tests(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.starts_with('|') && line.contains('`'));
    let column = rows.filter_map(|line| line.split('|').nth(2));
    column.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

/// Returns the claims whose test is no function below `tests/it` or `platform`.or `platform`.
fn unproven(claims: &[String], tests: &[Source]) -> Vec<String> {
    let there = |claim: &String| tests.iter().any(|source| source.text.contains(&format!("fn {claim}(")));
    claims.iter().filter(|claim| !there(claim)).cloned().collect()
}

#[test]
fn every_claim_names_a_test_that_is_there() {
    let claims = claimed_tests(&std::fs::read_to_string(root().join("docs/claims.md")).unwrap());
    assert!(claims.len() > 40, "docs/claims.md was read as {claims:?}");
    let missing = unproven(&claims, &read(&["tests/it", "platform"], &["rs"]));
    assert!(missing.is_empty(), "docs/claims.md names tests that are not there: {missing:?}");
}

#[test]
fn a_claim_without_a_test_is_seen() {
    let claims = claimed_tests("| promise | test |\n|---|---|\n| It flies. | `it_flies_on_every_second_tuesday` |\n");
    assert_eq!(unproven(&claims, &[]), ["it_flies_on_every_second_tuesday"]);
}

#[test]
fn every_fact_that_agents_report_stands_in_the_document() {
    let document = std::fs::read_to_string(root().join("docs/devices.md")).unwrap();
    let rows = fitment_domain::device::fact::DESCRIBED.iter().map(|f| format!("| `{}` |", f.name));
    let missing: Vec<String> = rows.filter(|row| !document.contains(row.as_str())).collect();
    assert!(missing.is_empty(), "docs/devices.md lacks {missing:?}");
}
