//! Files of this machine: read with a bound, written privately where they hold secrets.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::failure::Failure;

/// Returns what the system said, without its number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

/// Reads a whole file of at most so many bytes.
pub fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|e| cannot("read", path, &e))?;
    read_bounded(file, bytes_max, &path.display().to_string())
}

/// Reads a text file of at most so many bytes.
pub fn read_text(path: &Path, bytes_max: usize) -> Result<String, Failure> {
    String::from_utf8(read(path, bytes_max)?)
        .map_err(|_| Failure::environment(format!("{} is not UTF-8 text", path.display())))
}

/// Reads standard input to its end, at most so many bytes.
pub fn read_stdin(bytes_max: usize) -> Result<String, Failure> {
    let bytes = read_bounded(io::stdin().lock(), bytes_max, "standard input")?;
    String::from_utf8(bytes).map_err(|_| Failure::environment("standard input is not UTF-8 text"))
}

fn read_bounded(from: impl io::Read, bytes_max: usize, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit)
        .read_to_end(&mut bytes)
        .map_err(|e| Failure::environment(format!("cannot read {name}: {}", reason(&e))))?;
    if bytes.len() > bytes_max {
        return Err(Failure::environment(format!("{name} is larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Writes a file that anybody may read; replaces one that is there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| cannot("make", folder, &e))?;
    }
    fs::write(path, bytes).map_err(|e| cannot("write", path, &e))
}

/// Opens a new file that only this account reads. A file that is there is never touched.
pub fn create_private(path: &Path) -> Result<File, Failure> {
    make_private_parent(path)?;
    private(OpenOptions::new().write(true).create_new(true)).open(path).map_err(|e| {
        if e.kind() == io::ErrorKind::AlreadyExists {
            Failure::environment(format!(
                "{} exists and is not overwritten: move it away, or name another file with --out",
                path.display()
            ))
        } else {
            cannot("write", path, &e)
        }
    })
}

/// Replaces a file that only this account reads, in one step.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    make_private_parent(path)?;
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let written = private(OpenOptions::new().write(true).create_new(true))
        .open(&fresh)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&fresh, path));
    written.map_err(|e| {
        let _ = fs::remove_file(&fresh);
        cannot("write", path, &e)
    })
}

/// Says that something about a file did not work.
pub fn cannot(act: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("cannot {act} {}: {}", path.display(), reason(error)))
}

fn make_private_parent(path: &Path) -> Result<(), Failure> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        Some(folder) => make_private_folder(folder).map_err(|e| cannot("make", folder, &e)),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Refuses a secret that other accounts of this machine can read.
#[cfg(unix)]
pub fn check_private(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).map_err(|e| cannot("read", path, &e))?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Failure::environment(format!(
        "{path} can be read by other accounts (mode {:o}): chmod 600 {path}",
        mode & 0o777
    )))
}

/// Refuses a secret that other accounts of this machine can read; not supported on this system, where the profile folder protects it.
#[cfg(not(unix))]
pub fn check_private(_path: &Path) -> Result<(), Failure> {
    Ok(())
}
