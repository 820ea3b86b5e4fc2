//! The file of a backup: a tar, its manifest, and a digest over all of it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use fitment_domain::time::UnixMs;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupError, digest_of};

const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// One entry is a part of a table or an object.
const ENTRY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The last line: `sha256:`, 64 digits, and a newline.
const TRAILER_BYTES: u64 = 72;

/// What the backup says of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// The newest migration of its database.
    pub schema: i64,
    pub created: UnixMs,
    /// Whether the platform's keys are inside, sealed with a passphrase.
    pub keys: bool,
    /// The columns of each table.
    pub tables: BTreeMap<String, Vec<String>>,
    /// The SHA-256 of each entry.
    pub sha256: BTreeMap<String, String>,
}

impl Manifest {
    pub(super) fn new(schema: i64, created: UnixMs, tables: BTreeMap<String, Vec<String>>, keys: bool) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self { format: FORMAT, version, schema, created, keys, tables, sha256: BTreeMap::new() }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.display().to_string();
    move |source| BackupError::File { path: path.clone(), source }
}

struct Hashing<T> {
    inner: T,
    hasher: Sha256,
    bytes: u64,
}

impl<T: Write> Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a backup beside its final name, which it gets when it is whole.
pub(super) struct Writer {
    tar: tar::Builder<Hashing<BufWriter<File>>>,
    digests: BTreeMap<String, String>,
    to: PathBuf,
    part: PathBuf,
}

impl Writer {
    pub(super) fn create(to: &Path) -> Result<Self, BackupError> {
        if to.exists() {
            return Err(BackupError::Taken(to.display().to_string()));
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.map_err(failed(&part))?;
        let inner = Hashing { inner: BufWriter::new(file), hasher: Sha256::new(), bytes: 0 };
        Ok(Self { tar: tar::Builder::new(inner), digests: BTreeMap::new(), to: to.to_owned(), part })
    }

    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(0);
        self.tar.append_data(&mut header, name, bytes).map_err(failed(&self.part))?;
        self.digests.insert(name.to_owned(), digest_of(bytes));
        Ok(())
    }

    /// Ends the file. Returns its length and digest.
    pub(super) fn finish(mut self, mut manifest: Manifest) -> Result<(u64, String), BackupError> {
        manifest.sha256 = std::mem::take(&mut self.digests);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| BackupError::Damaged(e.to_string()))?;
        self.add(MANIFEST, &text)?;
        let failed = failed(&self.part);
        let hashing = self.tar.into_inner().map_err(&failed)?;
        let (digest, bytes) = (hex::encode(hashing.hasher.finalize()), hashing.bytes + TRAILER_BYTES);
        let mut file = hashing.inner;
        file.write_all(format!("sha256:{digest}\n").as_bytes()).map_err(&failed)?;
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(&failed)?;
        std::fs::rename(&self.part, &self.to).map_err(&failed)?;
        Ok((bytes, digest))
    }
}

/// Reads a backup that was verified; each entry is verified once more on its way.
pub(super) struct Reader {
    body: io::Take<BufReader<File>>,
    bytes: u64,
    sha256: String,
    path: PathBuf,
}

/// Opens the file and returns its body, the length of all, and the digest that its last line states.
fn open(path: &Path) -> Result<(io::Take<BufReader<File>>, u64, String), BackupError> {
    let failed = failed(path);
    let mut file = File::open(path).map_err(&failed)?;
    let bytes = file.metadata().map_err(&failed)?.len();
    let short = || BackupError::Damaged("it is too short".to_owned());
    let body = bytes.checked_sub(TRAILER_BYTES).ok_or_else(short)?;
    file.seek(SeekFrom::Start(body)).map_err(&failed)?;
    let mut trailer = String::new();
    let read = (&file).read_to_string(&mut trailer);
    read.map_err(|_| BackupError::Damaged("its last line is no digest".to_owned()))?;
    let digest = trailer.strip_prefix("sha256:").and_then(|rest| rest.strip_suffix('\n'));
    let digest = digest.ok_or_else(|| BackupError::Damaged("its last line is no digest".to_owned()))?.to_owned();
    file.seek(SeekFrom::Start(0)).map_err(&failed)?;
    Ok((BufReader::new(file).take(body), bytes, digest))
}

/// Checks the digest of the whole file and of each entry.
pub(super) fn examine(path: &Path) -> Result<Manifest, BackupError> {
    let (mut body, _, stated) = open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = body.read(&mut buffer).map_err(failed(path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    if hex::encode(hasher.finalize()) != stated {
        return Err(BackupError::Damaged("its digest is not the one that its last line states".to_owned()));
    }
    let mut reader = Reader::open(path)?;
    let (mut found, mut manifest) = (BTreeMap::new(), None);
    while let Some((name, bytes)) = reader.entry()? {
        if name == MANIFEST {
            let read = serde_json::from_slice::<Manifest>(&bytes);
            manifest = Some(read.map_err(|e| BackupError::Damaged(format!("{MANIFEST}: {e}")))?);
        } else {
            found.insert(name, digest_of(&bytes));
        }
    }
    let manifest = manifest.ok_or_else(|| BackupError::Damaged(format!("it holds no {MANIFEST}")))?;
    if manifest.format != FORMAT {
        return Err(BackupError::Damaged(format!("format {} is not known to this version", manifest.format)));
    }
    if manifest.sha256 != found {
        return Err(BackupError::Damaged("its entries are not those that its manifest states".to_owned()));
    }
    Ok(manifest)
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let (body, bytes, sha256) = open(path)?;
        Ok(Self { body, bytes, sha256, path: path.to_owned() })
    }

    /// Returns the next entry: its name and what it holds.
    fn entry(&mut self) -> Result<Option<(String, Vec<u8>)>, BackupError> {
        let damaged = |what: String| BackupError::Damaged(what);
        let failed = failed(&self.path);
        let mut header = tar::Header::new_gnu();
        self.body.read_exact(header.as_mut_bytes()).map_err(&failed)?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let name = header.path().map_err(&failed)?.to_string_lossy().into_owned();
        let length = header.entry_size().map_err(&failed)?;
        if length > ENTRY_BYTES_MAX {
            return Err(damaged(format!("{name} is larger than any version of this program writes")));
        }
        // Entries fill blocks of 512 bytes.
        let mut bytes = vec![0; usize::try_from(length.next_multiple_of(512)).unwrap_or(usize::MAX)];
        self.body.read_exact(&mut bytes).map_err(&failed)?;
        bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(Some((name, bytes)))
    }

    /// Returns the next entry that the manifest names, and verifies it.
    pub(super) fn next(&mut self, manifest: &Manifest) -> Result<Option<(String, Vec<u8>)>, BackupError> {
        let Some((name, bytes)) = self.entry()?.filter(|(name, _)| name != MANIFEST) else { return Ok(None) };
        if manifest.sha256.get(&name).map(String::as_str) != Some(digest_of(&bytes).as_str()) {
            return Err(BackupError::Damaged(format!("{name} is not what the manifest states")));
        }
        Ok(Some((name, bytes)))
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}
