//! Compiled code on disk. Loading foreign bytes as compiled code is running them, so each file carries an
//! authentication code under a key that only this host's account can read; a file without the right one is no file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fitment_domain::bytes::Digest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::compiler::Identity;

const TAG_BYTES: usize = 32;
/// No file of ours is larger: compiled code travels in one frame.
const FILE_BYTES_MAX: u64 = fitment_domain::run::FRAME_BYTES_MAX as u64;
/// What lies there longest goes first beyond this: it is compiled or fetched again when somebody wants it.
const FOLDER_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const ENDING: &str = "compiled";
const DOMAIN: &[u8] = b"fitment compiled code 1\0";

/// Why compiled code was not kept. The run goes on without.
#[derive(Debug, thiserror::Error)]
#[error("the cache of compiled code in {folder}: {source}")]
pub struct CacheError {
    pub folder: String,
    pub source: std::io::Error,
}

/// The folder of compiled code.
pub(crate) struct Cache {
    folder: PathBuf,
    key: [u8; 32],
    bytes_max: u64,
    next_temporary: AtomicU64,
}

impl Cache {
    /// Opens the folder, and makes it if it is missing.
    pub(crate) fn open(folder: PathBuf, key: [u8; 32]) -> Result<Self, CacheError> {
        let cache = Self { folder, key, bytes_max: FOLDER_BYTES_MAX, next_temporary: AtomicU64::new(0) };
        cache.make_folder().map_err(|source| cache.error(source))?;
        Ok(cache)
    }

    fn make_folder(&self) -> std::io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.folder)
    }

    /// Names the compiled code of a component under one compiler; `adopted` is the digest of code that others compiled. What this host
    /// made itself and what it took from others never stand in for each other.
    pub(crate) fn artifact_key(component: &Digest, identity: &Identity, adopted: Option<&Digest>) -> String {
        let build = identity.build.number.to_string();
        let origin = adopted.map_or("own", Digest::as_str);
        let parts = [component.as_str(), &identity.engine, &identity.compatibility, &build, origin].join("\0");
        Digest::of(parts.as_bytes()).as_str().to_owned()
    }

    /// Returns whether a file lies under a name. Whether it is authentic shows when it is read.
    pub(crate) fn has(&self, artifact: &str) -> bool {
        self.path(artifact).exists()
    }

    /// Forgets what is kept under a name.
    pub(crate) fn discard(&self, artifact: &str) {
        match std::fs::remove_file(self.path(artifact)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%error, "compiled code that is not wanted any more stays in the cache");
            }
            _ => {}
        }
    }

    /// Reads compiled code that this host wrote. Anything else under that name is removed.
    pub(crate) fn read(&self, artifact: &str) -> Option<Vec<u8>> {
        let path = self.path(artifact);
        let mut bytes = Vec::new();
        File::open(&path).ok()?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        let authentic = bytes
            .split_at_checked(TAG_BYTES)
            .is_some_and(|(tag, code)| self.mac(artifact, code).verify_slice(tag).is_ok());
        if !authentic {
            tracing::warn!(file = %path.display(), "compiled code with a wrong authentication code was removed; it is compiled again");
            let _ = std::fs::remove_file(&path);
            return None;
        }
        bytes.drain(..TAG_BYTES);
        Some(bytes)
    }

    /// Keeps compiled code: a crash leaves the old file or the new one, never half of one.
    pub(crate) fn write(&self, artifact: &str, code: &[u8]) -> Result<(), CacheError> {
        let temporary = self.temporary();
        let written = self.write_whole(&temporary, artifact, code);
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written.and_then(|()| self.make_room(artifact)).map_err(|source| self.error(source))
    }

    /// Removes what was written longest ago until the rest is within its bound; what was written just now stays.
    fn make_room(&self, written: &str) -> std::io::Result<()> {
        let just_written = self.path(written);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|ending| ending == ENDING) && path != just_written {
                // Somebody else who writes may have removed it meanwhile.
                let Ok(metadata) = entry.metadata() else { continue };
                files.push((metadata.modified()?, metadata.len(), path));
            }
        }
        files.sort();
        let mut bytes = files.iter().map(|(_, bytes, _)| bytes).sum::<u64>() + just_written.metadata()?.len();
        for (_, size, path) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if std::fs::remove_file(path).is_ok() {
                bytes = bytes.saturating_sub(size);
            }
        }
        Ok(())
    }

    fn write_whole(&self, temporary: &Path, artifact: &str, code: &[u8]) -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(temporary)?;
        file.write_all(&self.mac(artifact, code).finalize().into_bytes())?;
        file.write_all(code)?;
        file.sync_all()?;
        std::fs::rename(temporary, self.path(artifact))?;
        File::open(&self.folder)?.sync_all()
    }

    /// The tag covers the name too, so that one authentic file cannot stand in for another.
    fn mac(&self, artifact: &str, code: &[u8]) -> Hmac<Sha256> {
        // A shorter key is filled up with zeros to SHA-256's block, as RFC 2104 says.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.key);
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(DOMAIN);
        mac.update(artifact.as_bytes());
        mac.update(b"\0");
        mac.update(code);
        mac
    }

    fn path(&self, artifact: &str) -> PathBuf {
        self.folder.join(format!("{artifact}.{ENDING}"))
    }

    fn temporary(&self) -> PathBuf {
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        self.folder.join(format!("{}-{number}.new", std::process::id()))
    }

    fn error(&self, source: std::io::Error) -> CacheError {
        CacheError { folder: self.folder.display().to_string(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_longest_ago_makes_room() {
        let folder = std::env::temp_dir().join(format!("fitment-cache-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let mut cache = Cache::open(folder.clone(), [7; 32]).expect("the folder is made");
        cache.bytes_max = 3 * 1_000;
        let code = vec![1; 900];
        for name in ["a", "b", "c"] {
            cache.write(name, &code).expect("it is written");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(["a", "b", "c"].iter().all(|name| cache.read(name).as_ref() == Some(&code)));
        cache.write("d", &code).expect("it is written");
        assert_eq!(cache.read("a"), None);
        assert!(["b", "c", "d"].iter().all(|name| cache.read(name).as_ref() == Some(&code)));
        // One that is larger than all may be: it is kept alone.
        let huge = vec![2; 5_000];
        cache.write("e", &huge).expect("it is written");
        assert_eq!(cache.read("e"), Some(huge));
        assert!(["b", "c", "d"].iter().all(|name| cache.read(name).is_none()));
        std::fs::remove_dir_all(&folder).expect("the folder is there");
    }
}
