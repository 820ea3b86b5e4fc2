//! Backups: everything that a platform knows, in one file, and back into an empty place.
//!
//! The file is a tar: `tables/NAME/NUMBER.jsonl` (rows as lists, of one state of the database), `objects/…` (components, listings
//! and statements), `keys.sealed` (if there is a passphrase), and at its end `manifest.json` with the SHA-256 of each. The last line
//! of the file is the SHA-256 of all that is before it. Tables are the same text for SQLite and PostgreSQL: a backup of one can be
//! restored into the other.

mod archive;
mod keys;

use std::path::{Path, PathBuf};

use fitment_domain::bytes::Digest;
use fitment_domain::tenant::Scope;
use fitment_domain::time::UnixMs;
use fitment_store::{Shape, Store, StoreError, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::archive::{Manifest, Reader, Writer};
use crate::keys::KeyError;

/// A part of a table is written when it is this large, in bytes.
const PART_BYTES: usize = 4 * 1024 * 1024;
const OBJECTS: &str = "objects/";
const TABLES: &str = "tables/";
const KEYS: &str = "keys.sealed";

/// Why there is no backup, or why one is refused.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    #[error(
        "the backup is of database version {found}, this program's is {own}: restore with the version that made it ({made_by}), then update"
    )]
    Version { found: i64, own: i64, made_by: String },
    #[error("{0} is not empty: restore into an empty data folder and an empty database")]
    NotEmpty(String),
    #[error("{0} is not empty: give --to a folder that is new, so that no backup is half of another")]
    Taken(String),
    #[error("the backup holds sealed keys: give --passphrase-file")]
    PassphraseMissing,
    #[error("the passphrase does not open the keys of this backup")]
    PassphraseWrong,
    #[error("the passphrase must have at least {0} characters")]
    PassphraseShort(usize),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Randomness(#[from] crate::clock::NoRandomness),
}

/// What a backup holds, in short.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summary {
    pub tables: usize,
    pub rows: u64,
    pub objects: usize,
    pub keys: bool,
    pub bytes: u64,
    pub sha256: String,
}

/// Writes a backup while the server works: the tables are of one moment, and no object that they name ever changes or goes.
pub async fn write(
    store: &Store,
    data: &Path,
    to: &Path,
    passphrase: Option<&str>,
    now: UnixMs,
) -> Result<Summary, BackupError> {
    let mut writer = Writer::create(to)?;
    let mut tx = store.read(Scope::Platform).await?;
    let schema = tx.schema_version().await?;
    let shapes = tx.shapes().await?;
    let mut rows = 0;
    for shape in &shapes {
        rows += write_table(&mut tx, shape, &mut writer).await?;
    }
    drop(tx);
    let paths = store.objects().paths().await?;
    for path in &paths {
        if let Some(bytes) = store.objects().get_path(path).await? {
            writer.add(&format!("{OBJECTS}{path}"), &bytes)?;
        }
    }
    if let Some(passphrase) = passphrase {
        writer.add(KEYS, &keys::seal(&data.join("keys"), passphrase)?)?;
    }
    let columns = shapes
        .iter()
        .map(|shape| (shape.table().to_owned(), shape.columns().iter().map(|c| (*c).to_owned()).collect()));
    let manifest = Manifest::new(schema, now, columns.collect(), passphrase.is_some());
    let (bytes, sha256) = writer.finish(manifest)?;
    Ok(Summary { tables: shapes.len(), rows, objects: paths.len(), keys: passphrase.is_some(), bytes, sha256 })
}

async fn write_table(tx: &mut Tx, shape: &Shape, writer: &mut Writer) -> Result<u64, BackupError> {
    let (mut part, mut number, mut rows, mut failed) = (Vec::new(), 0, 0, None);
    let mut flush = |part: &mut Vec<u8>| {
        number += 1;
        let name = format!("{TABLES}{}/{number:06}.jsonl", shape.table());
        writer.add(&name, &std::mem::take(part))
    };
    tx.dump_rows(shape, |row| {
        part.extend_from_slice(row.to_string().as_bytes());
        part.push(b'\n');
        rows += 1;
        if part.len() >= PART_BYTES {
            flush(&mut part).map_err(|error| {
                let said = StoreError::Object(error.to_string());
                failed = Some(error);
                said
            })?;
        }
        Ok(())
    })
    .await
    .map_err(|error| failed.take().unwrap_or(BackupError::Store(error)))?;
    if !part.is_empty() {
        flush(&mut part)?;
    }
    Ok(rows)
}

/// A backup of which every byte was checked, and whose keys open.
pub struct Verified {
    from: PathBuf,
    manifest: Manifest,
    keys: Option<keys::Files>,
}

/// Checks every byte of a backup, and opens its keys, before anything is written.
pub fn examine(from: &Path, passphrase: Option<&str>) -> Result<Verified, BackupError> {
    let manifest = archive::examine(from)?;
    let mut verified = Verified { from: from.to_owned(), manifest, keys: None };
    let mut reader = Reader::open(from)?;
    while let Some((name, bytes)) = reader.next(&verified.manifest)? {
        if name == KEYS {
            verified.keys = Some(keys::open(&bytes, passphrase.ok_or(BackupError::PassphraseMissing)?)?);
        }
    }
    Ok(verified)
}

/// Puts a verified backup into a database that nobody used and a data folder that holds nothing.
pub async fn read(store: &Store, data: &Path, verified: &Verified) -> Result<Summary, BackupError> {
    let manifest = &verified.manifest;
    let mut tx = store.begin(Scope::Platform).await?;
    let own = tx.schema_version().await?;
    if own != manifest.schema {
        return Err(BackupError::Version { found: manifest.schema, own, made_by: manifest.version.clone() });
    }
    let shapes = tx.shapes().await?;
    tx.begin_load(&shapes).await.map_err(|error| match error {
        StoreError::Conflict { constraint } => BackupError::NotEmpty(constraint),
        other => other.into(),
    })?;
    let (mut rows, mut objects) = (0, 0);
    let mut reader = Reader::open(&verified.from)?;
    while let Some((name, bytes)) = reader.next(manifest)? {
        if let Some(path) = name.strip_prefix(OBJECTS) {
            store.objects().put_path(path, &bytes).await?;
            objects += 1;
        } else if let Some(part) = name.strip_prefix(TABLES) {
            rows += load(&mut tx, &shapes, manifest, part, &bytes).await?;
        }
    }
    tx.end_load().await?;
    if let Some(files) = &verified.keys {
        keys::write(&data.join("keys"), files)?;
    }
    tx.commit().await?;
    let (bytes, sha256) = (reader.bytes(), reader.sha256().to_owned());
    Ok(Summary { tables: manifest.tables.len(), rows, objects, keys: manifest.keys, bytes, sha256 })
}

async fn load(
    tx: &mut Tx,
    shapes: &[Shape],
    manifest: &Manifest,
    part: &str,
    bytes: &[u8],
) -> Result<u64, BackupError> {
    let table = part.split('/').next().unwrap_or(part);
    let damaged = |what: &str| BackupError::Damaged(format!("table {table}: {what}"));
    let shape =
        shapes.iter().find(|shape| shape.table() == table).ok_or_else(|| damaged("this version has no such table"))?;
    let written = manifest.tables.get(table).ok_or_else(|| damaged("the manifest does not name it"))?;
    // The columns of a table may stand in another order where it came to be in other steps.
    let own = shape.columns();
    let place = |column: &&str| written.iter().position(|w| w == column);
    let places: Option<Vec<usize>> = own.iter().map(place).collect();
    let places = places.filter(|p| p.len() == written.len()).ok_or_else(|| damaged("other columns"))?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut rows = Vec::new();
    for line in lines {
        let values: Vec<Value> = serde_json::from_slice(line).map_err(|e| damaged(&e.to_string()))?;
        let value = |place: &usize| values.get(*place).cloned();
        let values: Option<Vec<Value>> = places.iter().map(value).collect();
        rows.push(Value::Array(values.ok_or_else(|| damaged("a row is too short"))?));
    }
    tx.load_rows(shape, &rows).await?;
    Ok(rows.len() as u64)
}

/// Refuses a folder in which anything lies but the lock of this program.
pub fn check_empty(data: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File { path: data.display().to_string(), source };
    let entries = match std::fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_name() != crate::lock::NAME {
            return Err(BackupError::NotEmpty(data.display().to_string()));
        }
    }
    Ok(())
}

fn digest_of(bytes: &[u8]) -> String {
    Digest::of(bytes).as_str().to_owned()
}
