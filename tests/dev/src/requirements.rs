//! The table of requirements: what docs/requirements.md says of each, and what passing tests prove of it.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use crate::claims::Claims;
use crate::suite::Results;
use crate::workspace::Workspace;

/// The table's file in the checkout.
pub(crate) const FILE: &str = "docs/requirements.md";

/// How much of a requirement is there.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Whole,
    InPart(Vec<String>),
    NotYet,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => formatter.write_str("whole"),
            Self::InPart(parts) => write!(formatter, "in part ({})", parts.join(", ")),
            Self::NotYet => formatter.write_str("not yet"),
        }
    }
}

/// One requirement, stated and proved.
#[derive(Serialize)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) name: String,
    /// What docs/requirements.md says of this version.
    pub(crate) stated: State,
    /// What tests that ran and passed claim.
    pub(crate) proved: State,
    pub(crate) tests: Vec<String>,
}

impl Requirement {
    /// Returns what the document states and no test proves; nothing if the tests prove at least as much.
    pub(crate) fn unproved(&self) -> Vec<String> {
        match (&self.stated, &self.proved) {
            (State::NotYet, _) | (_, State::Whole) => Vec::new(),
            (State::Whole, _) => vec!["the whole".to_owned()],
            (State::InPart(stated), State::NotYet) => stated.clone(),
            (State::InPart(stated), State::InPart(proved)) => {
                stated.iter().filter(|part| !proved.iter().any(|p| words(p) == words(part))).cloned().collect()
            }
        }
    }
}

/// Splits a list at the commas and semicolons that stand outside brackets.
fn parts_of(text: &str) -> Vec<String> {
    let (mut depth, mut parts) = (0_i32, vec![String::new()]);
    for character in text.chars() {
        depth += i32::from(character == '(') - i32::from(character == ')');
        match parts.last_mut() {
            Some(part) if depth > 0 || !matches!(character, ',' | ';') => part.push(character),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

/// What two spellings of one part have in common: small letters, single spaces, no remark in brackets.
fn words(part: &str) -> String {
    let said = part.split_once('(').map_or(part, |(said, _remark)| said);
    said.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Reads the document's tables: id, name, sentence, state.
pub(crate) fn read(workspace: &Workspace) -> Result<Vec<Requirement>> {
    parse(&std::fs::read_to_string(workspace.root.join(FILE)).with_context(|| format!("cannot read {FILE}"))?)
}

fn parse(text: &str) -> Result<Vec<Requirement>> {
    let mut requirements: Vec<Requirement> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, name, _sentence, stated] = cells[..] else { bail!("{FILE}: four cells belong into '{line}'") };
        if id == "id" || id.starts_with('-') {
            continue;
        }
        if requirements.iter().any(|earlier| earlier.id == id) {
            bail!("{FILE}: {id} stands there twice");
        }
        let stated = match stated.split_once(": ").map_or((stated, ""), |(state, parts)| (state, parts)) {
            ("whole", "") => State::Whole,
            ("not yet", "") => State::NotYet,
            ("in part", parts) if !parts_of(parts).is_empty() => State::InPart(parts_of(parts)),
            _ => bail!("{FILE}: the state of {id} is 'whole', 'in part: …' or 'not yet', got '{stated}'"),
        };
        requirements.push(Requirement {
            id: id.to_owned(),
            name: name.to_owned(),
            stated,
            proved: State::NotYet,
            tests: Vec::new(),
        });
    }
    if requirements.is_empty() { bail!("{FILE} holds no table") } else { Ok(requirements) }
}

/// Fills in what `results` prove; returns what is wrong with the claims.
pub(crate) fn prove(requirements: &mut [Requirement], claims: &Claims, results: &Results) -> Vec<String> {
    let known: BTreeSet<&str> = requirements.iter().map(|requirement| requirement.id.as_str()).collect();
    let unknown = claims.all.iter().filter(|claim| !known.contains(claim.id.as_str()));
    let mut mistakes: Vec<String> =
        unknown.map(|claim| format!("{}: {} is no id of {FILE}", claim.place, claim.id)).collect();
    mistakes.extend(claims.mistakes.iter().cloned());
    for requirement in requirements {
        let mut tests = BTreeSet::new();
        let mut parts = Vec::new();
        let mut whole = false;
        for claim in claims.all.iter().filter(|claim| claim.id == requirement.id) {
            let covered: Vec<String> =
                results.passed.iter().filter(|test| claim.covers(test)).map(|test| test.path.clone()).collect();
            match &claim.part {
                _ if covered.is_empty() => {}
                None => whole = true,
                Some(said) => parts.extend(parts_of(said)),
            }
            tests.extend(covered);
        }
        let mut seen = BTreeSet::new();
        parts.retain(|part| seen.insert(words(part)));
        requirement.tests = tests.into_iter().collect();
        requirement.proved = match (whole, parts.is_empty()) {
            (true, _) => State::Whole,
            (false, false) => State::InPart(parts),
            (false, true) => State::NotYet,
        };
    }
    mistakes
}

/// Prints the table.
pub(crate) fn print(requirements: &[Requirement]) {
    let width = requirements.iter().map(|requirement| requirement.name.chars().count()).max().unwrap_or(0);
    for Requirement { id, name, proved, tests, .. } in requirements {
        let evidence = match tests.len() {
            0 => String::new(),
            1 => format!("   1 test: {}", tests.join("")),
            count => format!("   {count} tests: {}", tests.join(", ")),
        };
        println!("{id:<4} {name:<width$}  {proved}{evidence}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_must_say_a_state() {
        let table = |state: &str| {
            parse(&format!(
                "| id | name | meaning | in this version |\n|---|---|---|---|\n| M9 | Signed | Twice. | {state} |\n"
            ))
        };
        assert!(table("whole").is_ok_and(|rows| rows.len() == 1 && rows.iter().all(|row| row.stated == State::Whole)));
        assert!(
            table("in part: upload")
                .is_ok_and(|rows| { rows.iter().all(|row| row.stated == State::InPart(vec!["upload".to_owned()])) })
        );
        assert!(table("mostly").is_err() && table("in part").is_err() && table("in part: ").is_err());
    }

    #[test]
    fn every_part_that_is_stated_must_be_proved() {
        let row =
            |stated, proved| Requirement { id: "M9".into(), name: "Signed".into(), stated, proved, tests: Vec::new() };
        let part = |text: &str| State::InPart(parts_of(text));
        assert_eq!(row(State::Whole, part("upload")).unproved(), ["the whole"]);
        assert_eq!(row(part("upload"), State::NotYet).unproved(), ["upload"]);
        assert_eq!(
            row(part("upload, install; load (twice, so to say)"), part("Install,  upload")).unproved(),
            ["load (twice, so to say)"]
        );
        assert!(row(part("upload, load (twice, so to say)"), part("load; upload; more")).unproved().is_empty());
        assert!(row(part("upload"), State::Whole).unproved().is_empty());
        assert!(row(State::NotYet, State::NotYet).unproved().is_empty());
    }
}
