//! The platform's keys inside a backup: sealed with a key that is made of a passphrase.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::clock;

/// A passphrase is guessed at leisure by whoever has the file.
const PASSPHRASE_CHARS_MIN: usize = 12;
/// The files of the folder of keys: what they hold, in hexadecimal digits.
pub(super) type Files = BTreeMap<String, String>;

const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    /// argon2id with these costs makes the key.
    memory_kib: u32,
    passes: u32,
    salt: String,
    nonce: String,
    sealed: String,
}

fn damaged(what: impl std::fmt::Display) -> BackupError {
    BackupError::Damaged(format!("keys: {what}"))
}

fn key(passphrase: &str, salt: &[u8], memory_kib: u32, passes: u32) -> Result<[u8; 32], BackupError> {
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(damaged)?;
    let mut key = [0; 32];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(passphrase.as_bytes(), salt, &mut key).map_err(damaged)?;
    Ok(key)
}

/// Seals every file of the folder of keys.
pub(super) fn seal(folder: &Path, passphrase: &str) -> Result<Vec<u8>, BackupError> {
    if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
        return Err(BackupError::PassphraseShort(PASSPHRASE_CHARS_MIN));
    }
    let failed = |source| BackupError::File { path: folder.display().to_string(), source };
    let mut files = Files::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A file that is being made has another name.
        if name.ends_with(".key") || name.ends_with(".pem") {
            files.insert(name, hex::encode(std::fs::read(entry.path()).map_err(failed)?));
        }
    }
    let plain = serde_json::to_vec(&files).map_err(damaged)?;
    let (salt, nonce) = (clock::random::<16>()?, clock::random::<12>()?);
    let cipher = ChaCha20Poly1305::new(&key(passphrase, &salt, MEMORY_KIB, PASSES)?.into());
    let sealed = cipher.encrypt(&Nonce::from(nonce), plain.as_slice()).map_err(damaged)?;
    let (salt, nonce, sealed) = (hex::encode(salt), hex::encode(nonce), hex::encode(sealed));
    serde_json::to_vec(&Sealed { memory_kib: MEMORY_KIB, passes: PASSES, salt, nonce, sealed }).map_err(damaged)
}

/// Opens sealed keys: the files of the folder, by name.
pub(super) fn open(bytes: &[u8], passphrase: &str) -> Result<Files, BackupError> {
    let sealed: Sealed = serde_json::from_slice(bytes).map_err(damaged)?;
    if sealed.memory_kib > 4 * MEMORY_KIB || sealed.passes > 4 * PASSES {
        return Err(damaged("they ask for more work than any version of this program did"));
    }
    let salt = hex::decode(&sealed.salt).map_err(damaged)?;
    let nonce: [u8; 12] =
        hex::decode(&sealed.nonce).map_err(damaged)?.try_into().map_err(|_| damaged("a nonce has 12 bytes"))?;
    let cipher = ChaCha20Poly1305::new(&key(passphrase, &salt, sealed.memory_kib, sealed.passes)?.into());
    let plain = cipher.decrypt(&Nonce::from(nonce), hex::decode(&sealed.sealed).map_err(damaged)?.as_slice());
    let plain = plain.map_err(|_| BackupError::PassphraseWrong)?;
    serde_json::from_slice(&plain).map_err(damaged)
}

/// Writes keys into a folder that is not there yet.
pub(super) fn write(folder: &Path, files: &Files) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: folder.display().to_string(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    for (name, bytes) in files {
        if name.contains('/') {
            return Err(damaged("a name holds a slash"));
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name))
            .map_err(failed)?;
        file.write_all(&hex::decode(bytes).map_err(damaged)?).and_then(|()| file.sync_all()).map_err(failed)?;
    }
    Ok(())
}
