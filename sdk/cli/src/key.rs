//! The publisher's secret key: made here, kept here, never sent.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;

use crate::failure::Failure;
use crate::{files, profile};

/// Precedes the 64 hexadecimal digits, so that people and secret scanners see what the file is.
const PREFIX: &str = "ed25519-secret:";
const KEY_BYTES_MAX: usize = 1024;

/// Returns where the key is when nothing else is said.
pub fn default_path() -> Result<PathBuf, Failure> {
    Ok(profile::home()?.join("publisher.key"))
}

/// Makes a key and writes it to a new file that only this account reads.
pub fn create(path: &Path) -> Result<SigningKey, Failure> {
    let mut secret = [0_u8; 32];
    getrandom::fill(&mut secret)
        .map_err(|e| Failure::environment(format!("the system gives no random numbers: {e}")))?;
    let key = SigningKey::from_bytes(&secret);
    let mut file = files::create_private(path)?;
    let line = format!("{PREFIX}{}\n", hex::encode(secret));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).map_err(|e| files::cannot("write", path, &e))?;
    Ok(key)
}

/// Reads a key. None if there is no file.
pub fn load(path: &Path) -> Result<Option<SigningKey>, Failure> {
    if !path.exists() {
        return Ok(None);
    }
    files::check_private(path)?;
    let text = files::read_text(path, KEY_BYTES_MAX)?;
    let secret: Option<[u8; 32]> = text
        .trim()
        .strip_prefix(PREFIX)
        .and_then(|digits| hex::decode(digits).ok())
        .and_then(|bytes| bytes.try_into().ok());
    let secret = secret.ok_or_else(|| {
        Failure::environment(format!(
            "{} is no key of ours: it must hold {PREFIX} and 64 hexadecimal digits, as `fitment keygen` writes it",
            path.display()
        ))
    })?;
    Ok(Some(SigningKey::from_bytes(&secret)))
}

/// Reads the key that must be there.
pub fn load_needed(path: &Path) -> Result<SigningKey, Failure> {
    load(path)?.ok_or_else(|| {
        Failure::environment(format!(
            "there is no key {}: make one with `fitment keygen`, or name yours with --key FILE",
            path.display()
        ))
    })
}
