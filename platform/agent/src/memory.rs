//! What a run leaves for the next run of its installation on this device: one bounded file per installation.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use fitment_domain::capability::{Grants, Permission};
use fitment_domain::id::InstallationId;
use fitment_domain::run::{STATE_BYTES_MAX, State};
use fitment_domain::time::{DAY_MS, UnixMs};

use crate::files::{self, FileError};

/// Room for a file: bytes are written as numbers.
const FILE_BYTES_MAX: usize = 8 * STATE_BYTES_MAX;
/// What an installation left is removed when nobody touched it for so long and it is not in the set any more.
const UNUSED_MS_MAX: u64 = 30 * DAY_MS;

/// The memory of all installations. Its calls block on the disk.
#[derive(Debug, Clone)]
pub struct Memory(PathBuf);

impl Memory {
    /// Names the folder.
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    fn path(&self, installation: &InstallationId) -> PathBuf {
        self.0.join(format!("{installation}.json"))
    }

    /// Returns what an earlier run left; nothing without the permission. What does not read is nothing.
    pub fn recall(&self, installation: &InstallationId, grants: &Grants) -> State {
        if !grants.has(Permission::State) {
            return State::new();
        }
        let read = files::read_bounded(&self.path(installation), FILE_BYTES_MAX);
        let bytes = match read {
            Err(e) if e.is_missing() => return State::new(),
            read => read.map_err(|e| e.to_string()),
        };
        let state = bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| e.to_string()));
        state.unwrap_or_else(|reason| {
            tracing::warn!(%installation, reason, "what the installation left does not read: it begins anew");
            State::new()
        })
    }

    /// Keeps what a run left. Too much of it is not kept.
    pub fn keep(&self, installation: &InstallationId, grants: &Grants, state: &State) -> Result<(), FileError> {
        let bytes: usize = state.iter().map(|(key, value)| key.len() + value.len()).sum();
        if !grants.has(Permission::State) || bytes > STATE_BYTES_MAX {
            tracing::warn!(%installation, bytes, "what the run left is not kept");
            return Ok(());
        }
        if state.is_empty() {
            return files::remove(&self.path(installation));
        }
        files::private_folder(&self.0)?;
        files::write_durable(&self.path(installation), &serde_json::to_vec(state).unwrap_or_default())
    }

    /// Removes what installations left that are neither in the set nor were used lately.
    pub fn tidy(&self, needed: &BTreeSet<InstallationId>, now: UnixMs) -> Result<(), FileError> {
        for (path, name) in files::list(&self.0)? {
            let installation = name.strip_suffix(".json").and_then(|id| InstallationId::parse(id).ok());
            let modified = std::fs::metadata(&path).and_then(|m| m.modified()).ok();
            let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let since = since.and_then(|since| i64::try_from(since.as_millis()).ok()).map_or(now, UnixMs);
            if now.since_ms(since) > UNUSED_MS_MAX && installation.is_none_or(|id| !needed.contains(&id)) {
                files::remove(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_there_again_within_its_bounds_and_with_the_permission() -> Result<(), FileError> {
        let folder = std::env::temp_dir().join(format!("fitment-memory-{}", std::process::id()));
        let memory = Memory::at(folder.clone());
        let installation = InstallationId::from_random([1; 16]);
        let granted = Grants([(Permission::State, Default::default())].into());
        let state = State::from([("seen".to_owned(), vec![0, 255].into())]);
        memory.keep(&installation, &granted, &state)?;
        assert_eq!(memory.recall(&installation, &granted), state);
        assert!(memory.recall(&installation, &Grants::default()).is_empty());
        let large = State::from([("large".to_owned(), vec![0; STATE_BYTES_MAX].into())]);
        memory.keep(&installation, &granted, &large)?;
        assert_eq!(memory.recall(&installation, &granted), state, "too much of it is not kept");
        memory.keep(&installation, &granted, &State::new())?;
        assert!(memory.recall(&installation, &granted).is_empty());
        let _ = std::fs::remove_dir_all(&folder);
        Ok(())
    }
}
