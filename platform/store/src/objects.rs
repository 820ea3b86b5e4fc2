//! Objects: files addressed by their digest, and the signed statements of releases.

use std::path::PathBuf;
use std::sync::Arc;

use fitment_domain::bytes::Digest;
use fitment_domain::id::ReleaseId;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::{Result, StoreError};

/// Where objects live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectsConfig {
    /// A folder; made when missing.
    Folder(PathBuf),
}

/// The object store. What it answers is not verified here: each door does that itself.
#[derive(Debug, Clone)]
pub struct Objects {
    inner: Arc<dyn ObjectStore>,
}

impl Objects {
    pub(crate) fn open(config: &ObjectsConfig) -> Result<Self> {
        let ObjectsConfig::Folder(folder) = config;
        let failed = |e: std::io::Error| StoreError::Object(format!("folder {}: {e}", folder.display()));
        std::fs::create_dir_all(folder).map_err(failed)?;
        // What was acknowledged survives a power cut.
        let inner = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Keeps some bytes under their digest. Doing it again changes nothing.
    pub async fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let got = Digest::of(bytes);
        if got != *digest {
            return Err(StoreError::Object(format!("the bytes have digest {got}, not {digest}")));
        }
        self.write(&object_path(digest), bytes).await
    }

    /// Returns the bytes that were kept under a digest.
    pub async fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        self.read(&object_path(digest)).await
    }

    /// Keeps the signed statement of a release; a countersigned one replaces it.
    pub async fn put_statement(&self, release: &ReleaseId, envelope: &[u8]) -> Result<()> {
        self.write(&statement_path(release), envelope).await
    }

    /// Returns the signed statement of a release.
    pub async fn get_statement(&self, release: &ReleaseId) -> Result<Option<Vec<u8>>> {
        self.read(&statement_path(release)).await
    }

    async fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.inner.put(path, bytes.to_vec().into()).await?;
        Ok(())
    }

    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        match self.inner.get(path).await {
            Ok(found) => Ok(Some(found.bytes().await?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn object_path(digest: &Digest) -> Path {
    let (folder, file) = digest.as_str().split_at(2);
    Path::from_iter(["sha256", folder, file])
}

fn statement_path(release: &ReleaseId) -> Path {
    Path::from(format!("statements/{release}.json"))
}
