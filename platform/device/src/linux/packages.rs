//! Packages as apt and dpkg keep them; other package managers are not read yet, and that is what they are told.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::apt::{self, Fingerprint};
use crate::Unreadable;
use crate::packages::Pending;

/// Reading the lists costs tens of megabytes of text: what did not change is not read again.
static LAST: Mutex<Option<(Fingerprint, Vec<Pending>)>> = Mutex::new(None);

fn has_apt(root: &Path) -> Result<(), Unreadable> {
    if root.join("var/lib/dpkg/status").is_file() && root.join("var/lib/apt/lists").is_dir() {
        return Ok(());
    }
    Err(Unreadable::Unsupported("packages of a manager other than apt".to_owned()))
}

pub(crate) fn pending() -> Result<Vec<Pending>, Unreadable> {
    let root = Path::new("/");
    has_apt(root)?;
    let fingerprint = apt::fingerprint(root);
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, pending)) = last.as_ref().filter(|(known, _)| *known == fingerprint) {
        return Ok(pending.clone());
    }
    let pending = apt::pending(root)?;
    *last = Some((fingerprint, pending.clone()));
    Ok(pending)
}

/// The archives' own times are the servers'; the folder's are ours.
pub(crate) fn refreshed_ms() -> Result<Option<u64>, Unreadable> {
    let root = Path::new("/");
    has_apt(root)?;
    if apt::lists(root).is_empty() {
        return Ok(None);
    }
    let places = ["var/lib/apt/periodic/update-success-stamp", "var/lib/apt/lists", "var/lib/apt/lists/partial"];
    let modified = |place: &&str| std::fs::metadata(root.join(place)).and_then(|metadata| metadata.modified()).ok();
    Ok(places.iter().filter_map(modified).max().map(unix_ms))
}

fn unix_ms(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn reboot_required() -> Result<bool, Unreadable> {
    has_apt(Path::new("/"))?;
    Ok(Path::new("/run/reboot-required").exists())
}
