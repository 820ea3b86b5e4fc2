//! The numbers of results: each is given out once per epoch, also across a kill.

use fitment_domain::id::SpoolEpoch;
use serde::{Deserialize, Serialize};

use super::SpoolError;
use super::storage::Storage;
use crate::random;

const POSITION_FILE: &str = "position.json";
const POSITION_BYTES_MAX: u64 = 4_096;
const NUMBERS_RESERVED: u64 = 10_000;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    epoch: SpoolEpoch,
    /// Numbers below this one may have been used.
    reserved: u64,
}

/// Gives out numbers. They are reserved on disk in blocks, before the first of a block is given out.
pub(super) struct Numbers {
    epoch: SpoolEpoch,
    next: u64,
    reserved: u64,
}

impl Numbers {
    /// Goes on where the last start may have ended; without a position that reads, in a new epoch.
    pub(super) fn load(storage: &dyn Storage) -> Result<Self, SpoolError> {
        let position = storage.read(POSITION_FILE, POSITION_BYTES_MAX).ok();
        let position = position.and_then(|bytes| serde_json::from_slice::<Position>(&bytes).ok());
        let Position { epoch, reserved } = match position {
            Some(position) => position,
            None => Position { epoch: random::spool_epoch()?, reserved: 1 },
        };
        Ok(Self { epoch, next: reserved, reserved })
    }

    /// Returns the epoch in which numbers are given out.
    pub(super) fn epoch(&self) -> &SpoolEpoch {
        &self.epoch
    }

    #[cfg(test)]
    pub(super) fn next_for_test(&self) -> u64 {
        self.next
    }

    /// Gives out the next number, always.
    pub(super) fn take(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Makes sure that so many numbers may be given out. If the disk does not take the reservation, a new epoch begins: after a
    /// restart nothing would know which numbers were used, so they belong to an epoch that ends with this process.
    pub(super) fn reserve(&mut self, count: u64, storage: &mut dyn Storage) -> Result<(), SpoolError> {
        if self.next.saturating_add(count) <= self.reserved {
            return Ok(());
        }
        let reserved = self.next.saturating_add(count).saturating_add(NUMBERS_RESERVED);
        let position = Position { epoch: self.epoch.clone(), reserved };
        let json = serde_json::to_vec(&position).map_err(|e| SpoolError::Malformed(e.to_string()))?;
        if let Err(error) = storage.replace(POSITION_FILE, &json) {
            self.epoch = random::spool_epoch()?;
            (self.next, self.reserved) = (1, u64::MAX);
            return Err(error.into());
        }
        self.reserved = reserved;
        Ok(())
    }
}
