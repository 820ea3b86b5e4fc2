//! The kinds of background work: one list for whoever asks for work, does it and counts it.

use fitment_domain::artifact::Target;
use fitment_domain::id::{DeviceId, JobId, ReleaseId};
use fitment_domain::time::UnixMs;
use fitment_store::{StoreError, Tx};

use crate::clock;

/// Asks, in this transaction, for a new instruction set of a device.
pub async fn assign(tx: &mut Tx, device: &DeviceId, now: UnixMs) -> Result<(), StoreError> {
    enqueue(tx, JobKind::Assign, device.as_str(), now).await
}

/// Asks, in this transaction, for new instruction sets of every device of the tenant.
pub async fn assign_all(tx: &mut Tx, now: UnixMs) -> Result<(), StoreError> {
    for device in tx.devices().await? {
        assign(tx, &device.id, now).await?;
    }
    Ok(())
}

/// Asks, in this transaction, for work.
pub async fn enqueue(tx: &mut Tx, kind: JobKind, subject: &str, now: UnixMs) -> Result<(), StoreError> {
    tx.enqueue(&new_id()?, kind.as_str(), subject, now).await
}

/// Asks, in this transaction, for an artifact to be compiled. One is compiled at a time: the compiler has two places, and uploads that
/// are looked at need one. Who has something compiled again and again comes after everybody who waits.
pub async fn compile(tx: &mut Tx, release: &ReleaseId, target: Target, now: UnixMs) -> Result<(), StoreError> {
    let (kind, subject) = (JobKind::Compile.as_str(), format!("{release} {target}"));
    tx.enqueue_behind(&new_id()?, kind, &subject, now, kind).await
}

fn new_id() -> Result<JobId, StoreError> {
    let random = clock::random().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(JobId::from_random(random))
}

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
    /// Asks for new sets of all devices whose MSP has a plan; the subject is the plan.
    Replan,
    /// Rolls samples up, and lets go what is old; the subject is the platform.
    Retain,
    /// Tells that a release is quarantined on many devices; the subject is the release.
    Signal,
    /// Compiles what a publisher attested, and compares; the subject is the release and the target.
    Compile,
    /// Asks for new sets of all devices that take compiled code; the subject is the platform.
    Reoffer,
}

impl JobKind {
    /// Every kind: one that is missing here is not done either.
    pub const ALL: [JobKind; 9] = [
        JobKind::Assign,
        JobKind::Deliver,
        JobKind::Sync,
        JobKind::Relocate,
        JobKind::Replan,
        JobKind::Retain,
        JobKind::Signal,
        JobKind::Compile,
        JobKind::Reoffer,
    ];

    /// Returns the word that the queue and the counters use.
    pub const fn as_str(self) -> &'static str {
        match self {
            JobKind::Assign => "assign",
            JobKind::Deliver => "deliver",
            JobKind::Sync => "sync",
            JobKind::Relocate => "relocate",
            JobKind::Replan => "replan",
            JobKind::Retain => "retain",
            JobKind::Signal => "signal",
            JobKind::Compile => "compile",
            JobKind::Reoffer => "reoffer",
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
        for kind in [
            JobKind::Assign,
            JobKind::Deliver,
            JobKind::Sync,
            JobKind::Relocate,
            JobKind::Replan,
            JobKind::Retain,
            JobKind::Signal,
            JobKind::Compile,
            JobKind::Reoffer,
        ] {
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind), "a kind that is missing in ALL would never be done");
        }
        assert_eq!(JobKind::parse("other"), None);
    }
}
