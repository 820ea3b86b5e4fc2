//! Code that others compiled: kept under the same authentication code as our own, and under names of its own. Whether it counts is
//! decided before, by whoever calls.

use std::sync::Arc;

use fitment_domain::bytes::Digest;

use crate::artifacts::{Artifacts, PrepareError, Source};
use crate::runner::Process;
use crate::sandbox::ComponentRef;

/// What a comparison with our own compiler came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    Equal,
    /// Our own compiler made code of this digest.
    Differs(Digest),
}

impl Artifacts {
    /// Returns code of others that this host kept.
    pub(crate) async fn kept(&self, component: &Digest, artifact: &Digest) -> Option<Vec<u8>> {
        self.cached(&self.key_of(component, Some(artifact))).await
    }

    /// Loads code of others, keeps it, and takes it for a component from now on. What does not load is not taken.
    pub(crate) async fn adopt(
        &self,
        process: &Process,
        component: &ComponentRef,
        artifact: &Digest,
        code: Vec<u8>,
    ) -> Result<(), PrepareError> {
        let key = self.key_of(&component.digest, Some(artifact));
        // On the disk first, so that it need not be held twice while it is loaded; what lies there already was read and is authentic.
        let code = Arc::new(code);
        if !self.is_kept(&key) {
            self.keep(&key, Arc::clone(&code)).await;
        }
        let code = Arc::try_unwrap(code).unwrap_or_else(|shared| shared.as_ref().clone());
        if let Err(error) = self.prepare_as(process, &key, component, Source::Given(code)).await {
            self.discard(&key);
            return Err(error);
        }
        self.take(&component.digest, Some(artifact));
        Ok(())
    }

    /// Takes no code of others for a component any more, and forgets what was taken. Returns whether any was.
    pub(crate) fn own(&self, component: &Digest) -> bool {
        let Some(artifact) = self.take(component, None) else { return false };
        self.discard(&self.key_of(component, Some(&artifact)));
        true
    }

    /// Notes what comparing came to: a restart does not compare again.
    pub(crate) async fn note(&self, component: &Digest, artifact: &Digest, compared: &Compared) {
        let said = match compared {
            Compared::Equal => Vec::new(),
            Compared::Differs(got) => got.as_str().as_bytes().to_vec(),
        };
        self.keep(&self.note_name(component, artifact), Arc::new(said)).await;
    }

    /// Returns what comparing came to earlier.
    pub(crate) async fn noted(&self, component: &Digest, artifact: &Digest) -> Option<Compared> {
        let said = self.cached(&self.note_name(component, artifact)).await?;
        if said.is_empty() {
            return Some(Compared::Equal);
        }
        Digest::parse(&String::from_utf8_lossy(&said)).ok().map(Compared::Differs)
    }

    fn note_name(&self, component: &Digest, artifact: &Digest) -> String {
        format!("{}-compared", self.key_of(component, Some(artifact)))
    }
}
