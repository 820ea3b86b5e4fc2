//! Finds the tests that claim to prove a requirement: `// proves M4 (structure), M9` in the lines above a test.

mod text;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::text::{continued, function_name, items, looks_like_claim};
use crate::suite::Test;
use crate::workspace::{Workspace, shown};

/// How many lines may stand between a claim and its test: attributes and a doc comment.
const LINES_BETWEEN_MAX: usize = 12;

/// One claim of one test.
pub(crate) struct Claim {
    /// Requirement id.
    pub(crate) id: String,
    /// The part that is proved, where it is not the whole requirement.
    pub(crate) part: Option<String>,
    /// File and line, for people.
    pub(crate) place: String,
    /// Test programs that this file may be compiled into.
    programs: Vec<String>,
    /// Module path of the file inside them.
    module: Vec<String>,
    function: String,
}

impl Claim {
    /// Tells whether this claim stands above `test`.
    ///
    /// Macros make one test per database: there may be other modules around the file's own, and the test may lie below the
    /// function's name.
    pub(crate) fn covers(&self, test: &Test) -> bool {
        let mut path = test.path.split("::");
        let mut names = self.module.iter().chain([&self.function]);
        self.programs.contains(&test.program) && names.all(|name| path.any(|step| step == name))
    }
}

/// Claims of all tests, and what is wrong with some.
#[derive(Default)]
pub(crate) struct Claims {
    pub(crate) all: Vec<Claim>,
    pub(crate) mistakes: Vec<String>,
}

/// Reads the sources of all packages.
pub(crate) fn read(workspace: &Workspace) -> Result<Claims> {
    let mut claims = Claims::default();
    for top in ["platform", "sdk", "accessories", "tests"] {
        package(workspace, &workspace.root.join(top), &mut claims)?;
    }
    Ok(claims)
}

/// Reads the package in `folder`, or looks for packages below it.
fn package(workspace: &Workspace, folder: &Path, claims: &mut Claims) -> Result<()> {
    let manifest = folder.join("Cargo.toml");
    if manifest.is_file() {
        let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let names = names_in(&text);
        sources(workspace, &folder.join("src"), &[], &names, claims)?;
        sources(workspace, &folder.join("it"), &[], &["it".to_owned()], claims)?;
    }
    for below in entries(folder)? {
        if below.join("Cargo.toml").is_file() {
            package(workspace, &below, claims)?;
        }
    }
    Ok(())
}

/// Returns the names of a package and its programs, as the files of their test programs begin.
fn names_in(manifest: &str) -> Vec<String> {
    let names = manifest.lines().filter_map(|line| {
        line.strip_prefix("name")?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
    });
    names.map(|name| name.replace('-', "_")).collect()
}

fn sources(
    workspace: &Workspace,
    folder: &Path,
    module: &[String],
    programs: &[String],
    claims: &mut Claims,
) -> Result<()> {
    for path in entries(folder)? {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut inner = module.to_vec();
        if path.is_dir() {
            // src/bin is no module: each file there is the root of a program.
            if stem != "bin" || !module.is_empty() {
                inner.push(stem);
            }
            sources(workspace, &path, &inner, programs, claims)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let root = matches!(stem.as_str(), "lib" | "main" | "mod")
                || path.parent().is_some_and(|parent| parent.ends_with("src/bin"));
            if !root {
                inner.push(stem);
            }
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            file(&shown(workspace, &path).to_string(), &text, &inner, programs, claims);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listed = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths = listed.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// Reads one file's claims.
fn file(name: &str, text: &str, module: &[String], programs: &[String], claims: &mut Claims) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(said) = line.strip_prefix("// proves ").filter(|said| looks_like_claim(said)) else {
            continue;
        };
        let place = format!("{name}:{}", at + 1);
        let (said, rest) = continued(said, &lines[at + 1..]);
        let Some(function) = rest.iter().take(LINES_BETWEEN_MAX).find_map(|line| function_name(line)) else {
            claims.mistakes.push(format!("{place}: a claim above no test"));
            continue;
        };
        match items(&said) {
            Ok(items) => claims.all.extend(items.into_iter().map(|(id, part)| Claim {
                id,
                part,
                place: place.clone(),
                programs: programs.to_vec(),
                module: module.to_vec(),
                function: function.to_owned(),
            })),
            Err(mistake) => claims.mistakes.push(format!("{place}: {mistake}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Claims {
        let mut claims = Claims::default();
        file("it/story.rs", text, &["story".to_owned()], &["it".to_owned()], &mut claims);
        claims
    }

    #[test]
    fn a_claim_covers_its_test_and_the_variants_below_it() {
        let claims = read_text("// proves M9,\n//   R2\n#[tokio::test]\nasync fn signed() {}\n");
        assert_eq!(claims.all.len(), 2);
        let test = |program: &str, path: &str| Test { program: program.to_owned(), path: path.to_owned() };
        assert!(claims.all.iter().all(|claim| claim.covers(&test("it", "story::signed"))));
        assert!(claims.all.iter().all(|claim| claim.covers(&test("it", "story::signed::on_postgres"))));
        assert!(claims.all.iter().all(|claim| claim.covers(&test("it", "real::story::sqlite::signed"))));
        assert!(!claims.all.iter().any(|claim| claim.covers(&test("it", "signed::story"))));
        assert!(!claims.all.iter().any(|claim| claim.covers(&test("it", "story::unsigned"))));
        assert!(!claims.all.iter().any(|claim| claim.covers(&test("it", "other::signed"))));
        assert!(!claims.all.iter().any(|claim| claim.covers(&test("fitment_domain", "story::signed"))));
    }

    #[test]
    fn a_claim_needs_a_test_and_prose_is_no_claim() {
        assert_eq!(
            read_text("// proves M9\nconst NOTHING: u8 = 0;\n").mistakes,
            ["it/story.rs:1: a claim above no test"]
        );
        let prose = read_text("// proves nothing at all\nfn helper() {}\n");
        assert!(prose.all.is_empty() && prose.mistakes.is_empty());
    }
}
