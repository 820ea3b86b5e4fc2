//! Where everything lies in the state folder.

use std::path::{Path, PathBuf};

use fitment_domain::bytes::Digest;

use crate::files::{self, FileError};

/// The agent's state folder.
#[derive(Debug, Clone)]
pub struct StateFolder(PathBuf);

impl StateFolder {
    /// Names a state folder without touching it.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folders that are missing.
    pub fn create(&self) -> Result<(), FileError> {
        [self.0.clone(), self.identity(), self.0.join("cache"), self.0.join("cache/objects"), self.spool()]
            .iter()
            .try_for_each(|folder| files::private_folder(folder))
    }

    /// Keys and certificates.
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    /// The key under which compiled code is kept.
    pub fn cache_mac_key(&self) -> PathBuf {
        self.identity().join("cache-mac.key")
    }

    /// The envelope of the set that runs.
    pub fn set(&self) -> PathBuf {
        self.0.join("set.json")
    }

    /// A component by its digest.
    pub fn object(&self, digest: &Digest) -> PathBuf {
        self.objects().join(digest.as_str())
    }

    /// All components.
    pub fn objects(&self) -> PathBuf {
        self.0.join("cache/objects")
    }

    /// Compiled code.
    pub fn compiled(&self) -> PathBuf {
        self.0.join("cache/compiled")
    }

    /// Results that the server has not acknowledged.
    pub fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }

    /// Orders that were begun.
    pub fn orders(&self) -> PathBuf {
        self.0.join("orders")
    }

    /// What installations left for their next runs.
    pub fn memory(&self) -> PathBuf {
        self.0.join("memory")
    }

    /// Which accessories failed here.
    pub fn failures(&self) -> PathBuf {
        self.0.join("failures.json")
    }

    /// What `fitment-agent status` shows.
    pub fn status(&self) -> PathBuf {
        self.0.join("status.json")
    }

    /// Held by the agent that runs.
    pub fn lock(&self) -> PathBuf {
        self.0.join("lock")
    }
}
