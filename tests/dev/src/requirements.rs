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
    InPart(String),
    NotYet,
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => formatter.write_str("whole"),
            Self::InPart(parts) => write!(formatter, "in part ({parts})"),
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
    /// Tells whether the tests prove at least as much as the document states.
    pub(crate) fn keeps_its_word(&self) -> bool {
        match self.stated {
            State::Whole => self.proved == State::Whole,
            State::InPart(_) => self.proved != State::NotYet,
            State::NotYet => true,
        }
    }
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
            ("in part", parts) if !parts.is_empty() => State::InPart(parts.to_owned()),
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
                Some(part) if parts.contains(part) => {}
                Some(part) => parts.push(part.clone()),
            }
            tests.extend(covered);
        }
        requirement.tests = tests.into_iter().collect();
        requirement.proved = match (whole, parts.is_empty()) {
            (true, _) => State::Whole,
            (false, false) => State::InPart(parts.join(", ")),
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
                .is_ok_and(|rows| { rows.iter().all(|row| row.stated == State::InPart("upload".to_owned())) })
        );
        assert!(table("mostly").is_err() && table("in part").is_err() && table("in part: ").is_err());
    }

    #[test]
    fn a_stated_requirement_without_a_passing_test_breaks_its_word() {
        let row =
            |stated, proved| Requirement { id: "M9".into(), name: "Signed".into(), stated, proved, tests: Vec::new() };
        assert!(!row(State::Whole, State::InPart("upload".into())).keeps_its_word());
        assert!(!row(State::InPart("upload".into()), State::NotYet).keeps_its_word());
        assert!(row(State::InPart("upload".into()), State::Whole).keeps_its_word());
        assert!(row(State::NotYet, State::NotYet).keeps_its_word());
    }
}
