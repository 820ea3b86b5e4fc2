//! Building findings.

use crate::{Finding, Health, Sample};

impl Finding {
    /// Starts a finding about one condition, such as "space"; condition and subject together make one alert.
    pub fn new(health: Health, condition: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            health,
            summary: summary.into(),
            details: None,
            samples: Vec::new(),
            condition: condition.into(),
            subject: None,
        }
    }

    /// Starts a finding that all is well.
    pub fn ok(condition: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Health::Ok, condition, summary)
    }

    /// Starts a finding that somebody should look soon.
    pub fn warning(condition: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Health::Warning, condition, summary)
    }

    /// Starts a finding that somebody should look now.
    pub fn critical(condition: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Health::Critical, condition, summary)
    }

    /// Starts a finding that could not be made; it is never a recovery.
    pub fn unknown(condition: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(Health::Unknown, condition, summary)
    }

    /// Says what is judged, such as "/var".
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Adds lines for the technician who opens the alert.
    #[must_use]
    pub fn details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    /// Adds a measured number; `unit` is a UCUM code: "%", "By", "ms", "Cel", "1".
    #[must_use]
    pub fn sample(mut self, name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        self.samples.push(Sample { name: name.into(), value, unit: unit.into(), labels: Vec::new() });
        self
    }

    /// Adds a label to the sample that was added last; without a sample it changes nothing.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Some(sample) = self.samples.last_mut() {
            sample.labels.push((name.into(), value.into()));
        }
        self
    }
}
