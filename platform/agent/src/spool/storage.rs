//! The file system under the spool: what it needs of one, in a folder of the device, and in a test that cuts the power.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::files;

/// What the spool asks of a file system. Names are relative, with one folder at most.
pub trait Storage: Send {
    /// Lists the files in a folder; one that is not there is empty. Names are without the folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Reads a file of at most so many bytes.
    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>>;
    /// Reads a part of a file.
    fn read_part(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>>;
    /// Appends to a file, which is made if it is missing, folder and all. When this returns the bytes survive a power cut.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Replaces a file. When this returns the new one survives a power cut; before, the old one or the new one does.
    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file; one that is not there is removed already. A power cut may bring it back.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Removes a folder if it is empty.
    fn remove_folder(&mut self, folder: &str);
}

/// A folder of the device that only this account may enter.
pub struct Folder {
    root: PathBuf,
    /// The file that was appended to last, with what it is called: appending is what a spool does most.
    open: Option<(String, File)>,
}

impl Folder {
    /// Names the folder.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), open: None }
    }

    fn appendable(&mut self, name: &str) -> io::Result<&File> {
        if self.open.as_ref().is_none_or(|(open, _)| open != name) {
            let path = self.root.join(name);
            let folder = path.parent().unwrap_or(&self.root);
            if !folder.exists() {
                files::private_folder(folder).map_err(io::Error::other)?;
                files::sync_folder(&self.root).map_err(io::Error::other)?;
            }
            let is_new = !path.exists();
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            if is_new {
                // Before the first bytes: a file whose name is lost is lost whole.
                File::open(folder)?.sync_all()?;
            }
            self.open = Some((name.to_owned(), file));
        }
        match &self.open {
            Some((_, file)) => Ok(file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Storage for Folder {
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let all = files::list(&self.root.join(folder)).map_err(io::Error::other)?;
        Ok(all.into_iter().map(|(_, name)| name).collect())
    }

    fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        let path = self.root.join(name);
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        files::read_bounded(&path, bytes_max).map_err(|error| match error.is_missing() {
            true => io::Error::new(io::ErrorKind::NotFound, error),
            false => io::Error::other(error),
        })
    }

    fn read_part(&self, name: &str, offset: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let mut part = vec![0; bytes];
        File::open(self.root.join(name))?.read_exact_at(&mut part, offset)?;
        Ok(part)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.appendable(name)?;
        let appended = file.write_all(bytes).and_then(|()| file.sync_data());
        if appended.is_err() {
            self.open = None;
        }
        appended
    }

    fn replace(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(name);
        if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
            files::private_folder(folder).map_err(io::Error::other)?;
        }
        files::write_durable(&path, bytes).map_err(io::Error::other)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        if self.open.as_ref().is_some_and(|(open, _)| open == name) {
            self.open = None;
        }
        files::remove(&self.root.join(name)).map_err(io::Error::other)
    }

    fn remove_folder(&mut self, folder: &str) {
        let _ = std::fs::remove_dir(self.root.join(folder));
    }
}
