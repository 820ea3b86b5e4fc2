//! `state`: what earlier runs left came with the request; what this one leaves goes back with the report.

use fitment_domain::run::STATE_BYTES_MAX;

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
        let others = self.kept.iter().filter(|(known, _)| **known != key);
        let bytes: usize = others.map(|(known, value)| known.len() + value.len()).sum();
        if bytes + key.len() + value.len() > STATE_BYTES_MAX {
            return Ok(Err(Fault::Exhausted("state_bytes_max".to_owned())));
        }
        self.kept.insert(key, value.into());
        self.kept_changed = true;
        Ok(Ok(()))
    }

    fn remove(&mut self, key: String) -> wasmtime::Result<Result<(), Fault>> {
        self.host_call()?;
        self.kept_changed |= self.kept.remove(&key).is_some();
        Ok(Ok(()))
    }
}
