//! The answer to an upload: every finding, with the rule that made it and what to do about it.

#[cfg(feature = "server")]
pub mod rules;

use serde::{Deserialize, Serialize};

/// How bad a finding is. One error refuses the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Note,
    Warning,
    Error,
}

/// One thing that a rule saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Stable: documentation and scripts refer to it.
    pub rule: String,
    pub severity: Severity,
    /// What was seen, naming the field, section or number.
    pub message: String,
    /// What the publisher does about it.
    pub remedy: String,
}

impl Problem {
    /// Makes a finding that refuses the upload.
    pub fn error(rule: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), severity: Severity::Error, message: message.into(), remedy: remedy.into() }
    }

    /// Makes a finding that the publisher should look at.
    pub fn warning(rule: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(rule, message, remedy) }
    }
}

/// What can be said of a component without running it. Made by the compiler program, in a process that may die of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// The contract's worlds that the component fits, by name.
    pub worlds: Vec<String>,
    /// Imported interfaces without their versions, such as `fitment:accessory/metrics`.
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// The version of the contract that it was built against.
    pub contract: Option<String>,
    pub functions: u64,
    pub memory_bytes_min: u64,
    pub problems: Vec<Problem>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    pub problems: Vec<Problem>,
}

impl Report {
    /// Returns whether nothing in it refuses the upload.
    pub fn accepts(&self) -> bool {
        self.problems.iter().all(|p| p.severity < Severity::Error)
    }
}
