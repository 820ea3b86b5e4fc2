//! The contract's records as the domain's values, and back.

mod fault;
mod finding;
mod reading;
mod ticketing;
mod ticketing_sync;

use fitment_domain::finding::{FindingLimits, check};
use fitment_domain::run::{End, Fault, Returned};

use crate::contract::offered::types;

/// Makes the end of a run of what monitors and probes return.
pub(crate) fn findings(returned: Result<Vec<types::Finding>, types::Fault>) -> End {
    let findings: Vec<fitment_domain::finding::Finding> = match returned {
        Ok(findings) => findings.into_iter().map(Into::into).collect(),
        Err(fault) => return End::Fault(fault.into()),
    };
    match check(&findings, &FindingLimits::standard()) {
        Ok(()) => End::Returned(Returned::Findings(findings)),
        Err(bad) => End::Fault(Fault::Invalid(bad.to_string())),
    }
}
