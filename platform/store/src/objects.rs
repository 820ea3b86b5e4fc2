//! Objects: files addressed by their digest, and the signed statements of releases.

use std::path::PathBuf;
use std::sync::Arc;

use fitment_domain::bytes::Digest;
use fitment_domain::id::ReleaseId;
use futures_util::TryStreamExt as _;
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

    /// Returns the paths of all that is kept, in order: for backups.
    pub async fn paths(&self) -> Result<Vec<String>> {
        let found: Vec<object_store::ObjectMeta> = self.inner.list(None).try_collect().await?;
        let mut paths: Vec<String> = found.into_iter().map(|meta| meta.location.to_string()).collect();
        paths.sort();
        Ok(paths)
    }

    /// Returns what lies at a path that `paths` gave; what it holds must be what its path says.
    pub async fn get_path(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.read(&Path::from(path)).await? else { return Ok(None) };
        check_path(path, &bytes)?;
        Ok(Some(bytes))
    }

    /// Keeps what `get_path` gave.
    pub async fn put_path(&self, path: &str, bytes: &[u8]) -> Result<()> {
        check_path(path, bytes)?;
        self.write(&Path::from(path), bytes).await
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

/// What is addressed by its digest must have it.
fn check_path(path: &str, bytes: &[u8]) -> Result<()> {
    let digest = Digest::of(bytes);
    if path.starts_with("sha256/") && path != object_path(&digest).to_string() {
        return Err(StoreError::Object(format!("{path} holds bytes of digest {digest}")));
    }
    Ok(())
}
