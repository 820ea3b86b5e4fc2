//! Findings.

use fitment_domain::finding::{self, FindingLimits, check};
use fitment_domain::run::{End, Fault, Returned};

use crate::contract::offered::types::{self, Finding, Health, Sample};

impl From<Finding> for finding::Finding {
    fn from(finding: Finding) -> Self {
        Self {
            health: match finding.health {
                Health::Ok => finding::Health::Ok,
                Health::Warning => finding::Health::Warning,
                Health::Critical => finding::Health::Critical,
                Health::Unknown => finding::Health::Unknown,
            },
            summary: finding.summary,
            details: finding.details,
            samples: finding.samples.into_iter().map(finding::Sample::from).collect(),
            condition: finding.condition,
            subject: finding.subject,
        }
    }
}

impl From<Sample> for finding::Sample {
    fn from(sample: Sample) -> Self {
        Self { name: sample.name, value: sample.value, unit: sample.unit, labels: sample.labels }
    }
}

/// Makes the end of a run of what monitors and probes return.
pub(crate) fn findings(returned: Result<Vec<Finding>, types::Fault>) -> End {
    let findings: Vec<finding::Finding> = match returned {
        Ok(findings) => findings.into_iter().map(Into::into).collect(),
        Err(fault) => return End::Fault(fault.into()),
    };
    match check(&findings, &FindingLimits::standard()) {
        Ok(()) => End::Returned(Returned::Findings(findings)),
        Err(bad) => End::Fault(Fault::Invalid(bad.to_string())),
    }
}
