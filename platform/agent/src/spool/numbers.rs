//! The numbers of results: each is given out once per epoch, also across a kill.

use std::path::{Path, PathBuf};

use fitment_domain::id::SpoolEpoch;
use serde::{Deserialize, Serialize};

use super::SpoolError;
use crate::{files, random};

const POSITION_FILE: &str = "position.json";
const POSITION_BYTES_MAX: usize = 4_096;
const NUMBERS_RESERVED: u64 = 1_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    epoch: SpoolEpoch,
    /// Numbers below this one may have been used.
    reserved: u64,
}

/// Gives out numbers. They are reserved on disk in blocks, before the first of a block is given out.
pub(super) struct Numbers {
    path: PathBuf,
    epoch: SpoolEpoch,
    next: u64,
    reserved: u64,
}

impl Numbers {
    /// Goes on where the last start may have ended; without a position that reads, in a new epoch.
    pub(super) fn load(root: &Path) -> Result<Self, SpoolError> {
        let path = root.join(POSITION_FILE);
        let position = files::read_bounded(&path, POSITION_BYTES_MAX).ok();
        let position = position.and_then(|bytes| serde_json::from_slice::<Position>(&bytes).ok());
        let Position { epoch, reserved } = match position {
            Some(position) => position,
            None => Position { epoch: random::spool_epoch()?, reserved: 1 },
        };
        Ok(Self { path, epoch, next: reserved, reserved })
    }

    /// Returns the epoch in which numbers are given out.
    pub(super) fn epoch(&self) -> &SpoolEpoch {
        &self.epoch
    }

    /// Gives out the next number, always.
    pub(super) fn take(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Makes sure that the next number may be given out. If the disk does not take the reservation, a new epoch begins:
    /// after a restart nothing would know which numbers were used, so they belong to an epoch that ends with this process.
    pub(super) fn reserve(&mut self) -> Result<(), SpoolError> {
        if self.next < self.reserved {
            return Ok(());
        }
        let reserved = self.next.saturating_add(NUMBERS_RESERVED);
        let position = Position { epoch: self.epoch.clone(), reserved };
        let json = serde_json::to_vec(&position).map_err(|e| SpoolError::Malformed(e.to_string()))?;
        if let Err(error) = files::write_durable(&self.path, &json) {
            self.epoch = random::spool_epoch()?;
            (self.next, self.reserved) = (1, u64::MAX);
            return Err(error.into());
        }
        self.reserved = reserved;
        Ok(())
    }
}
