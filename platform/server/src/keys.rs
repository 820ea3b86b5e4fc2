//! The platform's secrets: made at the first start, each in a file that only this account reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use fitment_domain::signature::PublicKey;

use crate::clock::{self, NoRandomness};

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is readable by other accounts (mode {mode:o}): chmod 600 it")]
    Readable { path: PathBuf, mode: u32 },
    #[error("{path} does not hold {expected}: restore it from a backup")]
    Damaged { path: PathBuf, expected: &'static str },
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// A folder of secrets.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
}

impl Vault {
    /// Opens the folder, making it if it is not there.
    pub fn open(folder: PathBuf) -> Result<Self, KeyError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|source| KeyError::File { path: folder.clone(), source })?;
        Ok(Self { folder })
    }

    /// Returns a secret; `make` makes it the first time. Two servers that start together end with the same one.
    pub fn get_or_make<E: From<KeyError>>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let path = self.folder.join(name);
        if !path.exists() {
            write_once(&self.folder, &path, &make()?)?;
        }
        Ok(read_private(&path)?)
    }

    /// Returns 32 random bytes kept under this name.
    pub fn key_32(&self, name: &str) -> Result<[u8; 32], KeyError> {
        let bytes = self.get_or_make(name, || Ok::<_, KeyError>(clock::random::<32>()?.to_vec()))?;
        let path = self.folder.join(name);
        bytes.try_into().map_err(|_| KeyError::Damaged { path, expected: "32 bytes" })
    }

    /// Returns the signing key kept under this name.
    pub fn signing_key(&self, name: &str) -> Result<SigningKey, KeyError> {
        Ok(SigningKey::from_bytes(&self.key_32(name)?))
    }
}

fn write_once(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    // Random: in a container every start has the same process id, also the one after a start that was killed right here.
    let temporary = path.with_extension(format!("new-{}", hex::encode(clock::random::<8>()?)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    // A hard link fails if the name is taken: whoever comes second takes what the first one made.
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(failed)?;
    match linked {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(failed(e)),
        _ => fs::File::open(folder).and_then(|f| f.sync_all()).map_err(failed),
    }
}

fn read_private(path: &Path) -> Result<Vec<u8>, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Readable { path: path.to_owned(), mode });
    }
    fs::read(path).map_err(failed)
}

/// The keys with which the platform signs and seals. Each does one thing.
#[derive(Clone)]
pub struct Keys {
    /// Countersigns releases.
    pub release: SigningKey,
    /// Countersigns, for one test tenant at a time, what nobody approved.
    pub development: SigningKey,
    /// Signs instruction sets.
    pub instruction: SigningKey,
    /// Seals the credentials of connections.
    pub sealing: [u8; 32],
    /// Authenticates the cache of compiled code.
    pub cache_mac: [u8; 32],
}

impl Keys {
    /// Reads the keys, making them the first time.
    pub fn load(vault: &Vault) -> Result<Self, KeyError> {
        Ok(Self {
            release: vault.signing_key("release.key")?,
            development: vault.signing_key("development.key")?,
            instruction: vault.signing_key("instruction.key")?,
            sealing: vault.key_32("sealing.key")?,
            cache_mac: vault.key_32("cache-mac.key")?,
        })
    }

    /// Returns the public half of the key that countersigns releases.
    pub fn release_public(&self) -> PublicKey {
        PublicKey::of(&self.release)
    }

    /// Returns the public half of the key that countersigns for test tenants.
    pub fn development_public(&self) -> PublicKey {
        PublicKey::of(&self.development)
    }

    /// Returns the public half of the key that signs instruction sets.
    pub fn instruction_public(&self) -> PublicKey {
        PublicKey::of(&self.instruction)
    }
}
