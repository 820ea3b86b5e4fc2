//! `state`: what earlier runs left came with the request; what this one leaves goes back with the report.

use crate::contract::offered::state::Host;
use crate::contract::offered::types::Fault;
use crate::state::RunState;

const KEY_BYTES_MAX: usize = 128;

impl Host for RunState {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Fault>> {
        self.host_call()?;
        Ok(Ok(self.kept.get(&key).map(|value| value.to_vec())))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), Fault>> {
        self.host_call()?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Ok(Err(Fault::Invalid(format!("a key has 1 to {KEY_BYTES_MAX} bytes"))));
        }
        let replaced = self.kept.get(&key).map_or(0, |before| key.len() + before.len());
        let bytes = self.kept_bytes.saturating_sub(replaced) + key.len() + value.len();
        if bytes as u64 > self.budget.state_bytes_max {
            return Ok(Err(Fault::Exhausted("state_bytes_max".to_owned())));
        }
        self.kept_bytes = bytes;
        self.kept.insert(key, value.into());
        self.kept_changed = true;
        Ok(Ok(()))
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<Result<(), Fault>> {
        self.host_call()?;
        if let Some(before) = self.kept.remove(&key) {
            self.kept_bytes = self.kept_bytes.saturating_sub(key.len() + before.len());
            self.kept_changed = true;
        }
        Ok(Ok(()))
    }
}
