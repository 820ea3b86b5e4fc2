//! The kinds of background work: one list for whoever asks for work, does it and counts it.

/// What a job does; what its subject is depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Computes a device's instruction set; the subject is the device.
    Assign,
    /// Carries a ticket into the other system; the subject is the ticket.
    Deliver,
    /// Looks at what changed behind a connection; the subject is the connection.
    Sync,
    /// Puts a client's devices where its networks say; the subject is the client.
    Relocate,
    /// Rolls samples up, and lets go what is old; the subject is the platform.
    Retain,
}

impl JobKind {
    /// Every kind: one that is missing here is not done either.
    pub const ALL: [JobKind; 5] =
        [JobKind::Assign, JobKind::Deliver, JobKind::Sync, JobKind::Relocate, JobKind::Retain];

    /// Returns the word that the queue and the counters use.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobKind::Assign => "assign",
            JobKind::Deliver => "deliver",
            JobKind::Sync => "sync",
            JobKind::Relocate => "relocate",
            JobKind::Retain => "retain",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_work_is_known_by_its_word() {
        for kind in [JobKind::Assign, JobKind::Deliver, JobKind::Sync, JobKind::Relocate, JobKind::Retain] {
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind), "a kind that is missing in ALL would never be done");
        }
        assert_eq!(JobKind::parse("other"), None);
    }
}
