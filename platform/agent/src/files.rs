//! Files that survive a power cut: written beside, synced, renamed, and the folder synced.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK_TRIES: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// A file that could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {act}: {source}", path = path.display())]
pub struct FileError {
    path: PathBuf,
    act: &'static str,
    #[source]
    source: io::Error,
}

impl FileError {
    /// Returns whether the file is simply not there.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

fn failed<'a>(path: &'a Path, act: &'static str) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError { path: path.to_owned(), act, source }
}

/// Makes a folder, and those above it, that only this account may enter.
pub fn private_folder(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path, "made"))?;
    // A folder that was there before may be open to others.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(failed(path, "made private"))
}

/// Writes a file that only this account may read. It is on disk, whole, when this returns; on failure the old one stays.
pub fn write_durable(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    replace(path, bytes, true).map_err(failed(path, "written"))
}

/// Writes a text file whole, without waiting for the disk. A full disk takes it too, in the place of the old one: the file
/// is as large as `bytes_min` from the first time on, spaces at its end.
pub fn write_in_room(path: &Path, mut bytes: Vec<u8>, bytes_min: usize) -> Result<(), FileError> {
    bytes.resize(bytes.len().max(bytes_min), b' ');
    let written = match replace(path, &bytes, false) {
        Err(e) if e.kind() == io::ErrorKind::StorageFull => overwrite(path, bytes),
        written => written,
    };
    written.map_err(failed(path, "written"))
}

fn overwrite(path: &Path, mut bytes: Vec<u8>) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    let room = usize::try_from(file.metadata()?.len()).unwrap_or_default();
    bytes.resize(bytes.len().max(room), b' ');
    file.write_all_at(&bytes, 0)
}

fn replace(path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let beside = folder.join(format!(".{}.tmp", name.to_string_lossy()));
    let written = write_and_rename(&beside, path, bytes, durable);
    if written.is_err() {
        // Nothing may be left of it, least of all on a full disk. It may not even be there.
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    if durable { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn write_and_rename(beside: &Path, path: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)?;
    file.write_all(bytes)?;
    if durable {
        file.sync_all()?;
    }
    std::fs::rename(beside, path)
}

/// Reads a file of at most so many bytes.
pub fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {bytes_max} bytes")));
        }
        Ok(bytes)
    };
    read().map_err(failed(path, "read"))
}

/// Reads a text file of at most so many bytes.
pub fn read_text(path: &Path, bytes_max: usize) -> Result<String, FileError> {
    String::from_utf8(read_bounded(path, bytes_max)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
        .map_err(failed(path, "read"))
}

/// Removes a file; one that is not there is removed already.
pub fn remove(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed(path, "removed")(e)),
        _ => Ok(()),
    }
}

/// Moves a file that does not read out of the way, to the same name with `.bad`, for a person to look at.
pub fn set_aside(path: &Path) -> Result<(), FileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".bad");
    std::fs::rename(path, PathBuf::from(name)).map_err(failed(path, "set aside"))
}

/// Takes the lock of a state folder; it is given back when the file is dropped, also by a kill. Whoever only looks whether
/// it is taken holds it for a moment, so this waits a little.
pub fn lock(path: &Path) -> Result<File, FileError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(failed(path, "opened"))?;
    let mut locked = file.try_lock();
    for _ in 0..LOCK_TRIES {
        if locked.is_ok() {
            break;
        }
        std::thread::sleep(LOCK_PAUSE);
        locked = file.try_lock();
    }
    match locked {
        Ok(()) => Ok(file),
        Err(e) => Err(failed(path, "locked (another fitment-agent runs with this state folder)")(e.into())),
    }
}

/// Returns whether somebody holds the lock.
pub fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Makes sure that what was made or removed in a folder stays so.
pub fn sync_folder(path: &Path) -> Result<(), FileError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed(path, "synced"))
}

/// Lists a folder: path and name of everything in it; one that is not there is empty.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, String)>, FileError> {
    let all = || {
        let entries = std::fs::read_dir(folder)?;
        entries.map(|entry| entry.map(|e| (e.path(), e.file_name().to_string_lossy().into_owned()))).collect()
    };
    match all() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        all => all.map_err(failed(folder, "listed")),
    }
}
