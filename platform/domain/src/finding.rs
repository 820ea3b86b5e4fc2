//! What a monitor concluded: the contract's records as values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::text::disturbs;

/// What one look concluded. `Unknown` means "could not tell", never "probably fine".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl Health {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Critical => "critical",
            Health::Unknown => "unknown",
        }
    }
}

/// One measured number; `unit` is a UCUM code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub name: String,
    pub value: f64,
    pub unit: String,
    pub labels: Vec<(String, String)>,
}

/// One judgement about one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub health: Health,
    pub summary: String,
    pub details: Option<String>,
    pub samples: Vec<Sample>,
    pub condition: String,
    pub subject: Option<String>,
}

/// Characters of a subject, and of a label's value.
const SUBJECT_CHARS_MAX: usize = 1024;
/// Characters of a unit.
const UNIT_CHARS_MAX: usize = 32;

/// Bounds on what a run may report.
#[derive(Debug, Clone)]
pub struct FindingLimits {
    pub findings_max: usize,
    pub summary_chars_max: usize,
    pub details_bytes_max: usize,
    pub name_chars_max: usize,
    pub samples_max: usize,
    pub labels_max: usize,
}

impl FindingLimits {
    /// Returns the bounds that hold everywhere.
    pub const fn standard() -> Self {
        Self {
            findings_max: 256,
            summary_chars_max: 200,
            details_bytes_max: 16 * 1024,
            name_chars_max: 120,
            samples_max: 64,
            labels_max: 16,
        }
    }
}

/// Why a finding is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFinding {
    #[error("{count} findings, at most {max} are taken from one run")]
    TooMany { count: usize, max: usize },
    #[error("findings[{index}].{field} is longer than {max}")]
    TooLong { index: usize, field: &'static str, max: usize },
    #[error("findings[{index}].{field} holds {count} entries, at most {max}")]
    TooManyEntries { index: usize, field: &'static str, count: usize, max: usize },
    #[error("findings[{index}].{field} must not be empty")]
    Empty { index: usize, field: &'static str },
    #[error("findings[{index}].samples: {name:?} is not a finite number")]
    NotFinite { index: usize, name: String },
    #[error(
        "findings[{index}].samples: {name:?} has the unit {unit:?}, which is no UCUM code: write one such as %, 1, By, ms, s, Cel or By/s"
    )]
    NoUnit { index: usize, name: String, unit: String },
    #[error("findings[{index}].{field} holds a control character")]
    ControlCharacter { index: usize, field: &'static str },
    #[error("findings[{index}].condition is {FAILING:?}, which is the platform's own word: take another")]
    Reserved { index: usize },
    #[error("findings[{index}] judges the same condition and subject as an earlier one of this run")]
    Twice { index: usize },
}

/// The condition under which the platform itself alerts that an accessory does not come to an end by itself on a device.
pub const FAILING: &str = "accessory-failing";

/// Checks the findings of one run against the bounds.
pub fn check(findings: &[Finding], limits: &FindingLimits) -> Result<(), BadFinding> {
    if findings.len() > limits.findings_max {
        return Err(BadFinding::TooMany { count: findings.len(), max: limits.findings_max });
    }
    let mut judged = BTreeSet::new();
    for (index, finding) in findings.iter().enumerate() {
        check_one(index, finding, limits)?;
        if !judged.insert((&finding.condition, &finding.subject)) {
            return Err(BadFinding::Twice { index });
        }
    }
    Ok(())
}

fn check_one(index: usize, finding: &Finding, limits: &FindingLimits) -> Result<(), BadFinding> {
    line(index, "summary", &finding.summary, limits.summary_chars_max)?;
    line(index, "condition", &finding.condition, limits.name_chars_max)?;
    if finding.condition == FAILING {
        return Err(BadFinding::Reserved { index });
    }
    if let Some(subject) = &finding.subject {
        line(index, "subject", subject, SUBJECT_CHARS_MAX)?;
    }
    if finding.details.as_ref().is_some_and(|d| d.len() > limits.details_bytes_max) {
        return Err(BadFinding::TooLong { index, field: "details", max: limits.details_bytes_max });
    }
    entries(index, "samples", finding.samples.len(), limits.samples_max)?;
    for sample in &finding.samples {
        line(index, "samples.name", &sample.name, limits.name_chars_max)?;
        entries(index, "samples.labels", sample.labels.len(), limits.labels_max)?;
        for (name, value) in &sample.labels {
            line(index, "samples.labels", name, limits.name_chars_max)?;
            // A value may be nothing, and as long as a subject: it often is one.
            if !value.is_empty() {
                line(index, "samples.labels", value, SUBJECT_CHARS_MAX)?;
            }
        }
        if !sample.value.is_finite() {
            return Err(BadFinding::NotFinite { index, name: sample.name.clone() });
        }
        if !is_unit(&sample.unit) {
            let unit = sample.unit.chars().take(UNIT_CHARS_MAX).collect();
            return Err(BadFinding::NoUnit { index, name: sample.name.clone(), unit });
        }
    }
    Ok(())
}

/// UCUM codes are printable ASCII without spaces; what has no unit has the unit 1.
fn is_unit(text: &str) -> bool {
    !text.is_empty() && text.len() <= UNIT_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn line(index: usize, field: &'static str, text: &str, max: usize) -> Result<(), BadFinding> {
    if text.is_empty() {
        return Err(BadFinding::Empty { index, field });
    }
    if text.chars().count() > max {
        return Err(BadFinding::TooLong { index, field, max });
    }
    if text.chars().any(disturbs) {
        return Err(BadFinding::ControlCharacter { index, field });
    }
    Ok(())
}

fn entries(index: usize, field: &'static str, count: usize, max: usize) -> Result<(), BadFinding> {
    if count > max { Err(BadFinding::TooManyEntries { index, field, count, max }) } else { Ok(()) }
}
