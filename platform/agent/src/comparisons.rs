//! What comparing offered code came to in this life of the agent: also where the disk keeps no note of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fitment_domain::bytes::Digest;

/// Where the comparison of an artifact stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    UnderWay,
    Equal,
    /// This device's compiler made code of this digest.
    Differs(Digest),
    /// It came to nothing, and why.
    Failed(String),
}

/// The comparisons by their artifacts' digests. One artifact is compared once at a time, and what differs does so for good.
#[derive(Debug, Default)]
pub struct Comparisons(Mutex<BTreeMap<Digest, Comparison>>);

impl Comparisons {
    /// Begins one, unless there is one; what came to nothing is begun again.
    pub fn begin(&self, artifact: &Digest) -> bool {
        let mut all = self.lock();
        if !matches!(all.get(artifact), None | Some(Comparison::Failed(_))) {
            return false;
        }
        all.insert(artifact.clone(), Comparison::UnderWay);
        true
    }

    /// Notes what one came to, and shows it.
    pub fn end(&self, artifact: &Digest, comparison: Comparison, show: impl FnOnce(Option<&Comparison>)) {
        let mut all = self.lock();
        all.insert(artifact.clone(), comparison);
        show(all.get(artifact));
    }

    /// Shows where it stands; it does not go on meanwhile.
    pub fn show(&self, artifact: &Digest, show: impl FnOnce(Option<&Comparison>)) {
        show(self.lock().get(artifact));
    }

    /// Returns what this device's compiler made in the place of an artifact.
    pub fn differing(&self, artifact: &Digest) -> Option<Digest> {
        match self.lock().get(artifact) {
            Some(Comparison::Differs(got)) => Some(got.clone()),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, Comparison>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_artifact_is_compared_once_at_a_time_and_what_differs_is_known_without_a_disk() {
        let (all, artifact, got) = (Comparisons::default(), Digest::of(b"artifact"), Digest::of(b"got"));
        let end =
            |comparison: Comparison| all.end(&artifact, comparison.clone(), |now| assert_eq!(now, Some(&comparison)));
        all.show(&artifact, |now| assert_eq!(now, None));
        assert!(all.begin(&artifact));
        assert!(!all.begin(&artifact) && all.differing(&artifact).is_none());
        assert!(all.begin(&Digest::of(b"another")));
        end(Comparison::Failed("no room".to_owned()));
        assert!(all.begin(&artifact), "another time it may work");
        end(Comparison::Differs(got.clone()));
        assert!(!all.begin(&artifact));
        assert_eq!(all.differing(&artifact), Some(got));
        let equal = Digest::of(b"another");
        all.end(&equal, Comparison::Equal, |_| {});
        assert!(!all.begin(&equal) && all.differing(&equal).is_none());
    }
}
