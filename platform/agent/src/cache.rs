//! Components on this machine's disk, by digest. What is read from here passes the door again before it runs.

use std::collections::BTreeSet;

use fitment_domain::bytes::Digest;
use fitment_domain::package::PackageLimits;

use crate::files::{self, FileError};
use crate::folder::StateFolder;

/// Reads a component; none if it is not here.
pub fn read(folder: &StateFolder, digest: &Digest) -> Result<Option<Vec<u8>>, FileError> {
    match files::read_bounded(&folder.object(digest), PackageLimits::standard().large_component_bytes_max) {
        Err(e) if e.is_missing() => Ok(None),
        read => read.map(Some),
    }
}

/// Keeps a component.
pub fn write(folder: &StateFolder, digest: &Digest, component: &[u8]) -> Result<(), FileError> {
    files::write_durable(&folder.object(digest), component)
}

/// Removes a component that is no longer what it was.
pub fn discard(folder: &StateFolder, digest: &Digest) -> Result<(), FileError> {
    files::remove(&folder.object(digest))
}

/// Removes every component that no item needs, and returns which.
pub fn keep_only(folder: &StateFolder, needed: &BTreeSet<Digest>) -> Result<Vec<Digest>, FileError> {
    let mut removed = Vec::new();
    for (path, name) in files::list(&folder.objects())? {
        let digest = Digest::parse(&name).ok();
        if digest.as_ref().is_some_and(|digest| needed.contains(digest)) {
            continue;
        }
        files::remove(&path)?;
        removed.extend(digest);
    }
    Ok(removed)
}
