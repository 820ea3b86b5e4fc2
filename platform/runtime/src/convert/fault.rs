//! Facts and faults.

use fitment_domain::run;

use crate::contract::offered::types::{Fact, Fault};

impl From<run::Fact> for Fact {
    fn from(fact: run::Fact) -> Self {
        match fact {
            run::Fact::Text(text) => Fact::Text(text),
            run::Fact::Number(number) => Fact::Number(number),
            run::Fact::Flag(flag) => Fact::Flag(flag),
            run::Fact::Many(many) => Fact::Many(many),
        }
    }
}

impl From<run::Fault> for Fault {
    fn from(fault: run::Fault) -> Self {
        match fault {
            run::Fault::Denied(text) => Fault::Denied(text),
            run::Fault::NotFound(text) => Fault::NotFound(text),
            run::Fault::Invalid(text) => Fault::Invalid(text),
            run::Fault::Unsupported(text) => Fault::Unsupported(text),
            run::Fault::TimedOut => Fault::TimedOut,
            run::Fault::Exhausted(text) => Fault::Exhausted(text),
            run::Fault::Failed(text) => Fault::Failed(text),
        }
    }
}

impl From<Fault> for run::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Denied(text) => run::Fault::Denied(text),
            Fault::NotFound(text) => run::Fault::NotFound(text),
            Fault::Invalid(text) => run::Fault::Invalid(text),
            Fault::Unsupported(text) => run::Fault::Unsupported(text),
            Fault::TimedOut => run::Fault::TimedOut,
            Fault::Exhausted(text) => run::Fault::Exhausted(text),
            Fault::Failed(text) => run::Fault::Failed(text),
        }
    }
}
