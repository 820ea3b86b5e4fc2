//! Findings.

use fitment_domain::finding;

use crate::contract::offered::types::{Finding, Health, Sample};

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
