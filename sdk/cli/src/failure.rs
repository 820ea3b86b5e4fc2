//! How a command ends when it does not end well.

use fitment_domain::validation::{Problem, Severity};

use crate::table::clean;

/// Why a command did not do what it was told. The text is complete: what happened, where, and what helps.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Somebody judged and said no: the marketplace, or a check on this machine.
    #[error("{0}")]
    Refused(String),
    /// The command line, a file or the network is not as it must be; nothing was judged.
    #[error("{0}")]
    Environment(String),
}

impl Failure {
    /// Makes a failure of the surroundings.
    pub fn environment(text: impl Into<String>) -> Self {
        Failure::Environment(text.into())
    }

    /// Makes a refusal.
    pub fn refused(text: impl Into<String>) -> Self {
        Failure::Refused(text.into())
    }

    /// Returns the exit code that scripts see.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Refused(_) => 1,
            Failure::Environment(_) => 2,
        }
    }
}

/// Renders one finding of a check as the lines that an author reads.
pub fn problem_lines(problem: &Problem) -> String {
    let severity = match problem.severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let remedy =
        if problem.remedy.is_empty() { String::new() } else { format!("\n  remedy: {}", clean(&problem.remedy)) };
    format!("{severity}[{}]: {}{remedy}", clean(&problem.rule), clean(&problem.message))
}
