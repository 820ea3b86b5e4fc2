//! Faults as people read them.

use crate::Fault;

impl Fault {
    /// Says in words what went wrong, for a finding or a log line.
    pub fn to_text(&self) -> String {
        let (what, detail) = match self {
            Fault::Denied(permission) => ("permission missing: ", permission),
            Fault::NotFound(what) => ("not found: ", what),
            Fault::Invalid(what) => ("invalid: ", what),
            Fault::Unsupported(what) => ("not supported: ", what),
            Fault::TimedOut => return "timed out".to_owned(),
            Fault::Exhausted(bound) => ("budget used up: ", bound),
            Fault::Failed(what) => ("", what),
        };
        [what, detail].concat()
    }
}
