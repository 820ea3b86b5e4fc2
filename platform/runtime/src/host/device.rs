//! `device`: facts that the supervisor sent along.

use crate::contract::offered::device::Host;
use crate::contract::offered::types::Fact;
use crate::state::RunState;

impl Host for RunState {
    fn get_fact(&mut self, name: String) -> wasmtime::Result<Option<Fact>> {
        self.host_call()?;
        Ok(self.facts.iter().find(|(known, _)| *known == name).map(|(_, fact)| fact.clone().into()))
    }

    fn list_facts(&mut self) -> wasmtime::Result<Vec<(String, Fact)>> {
        self.host_call()?;
        Ok(self.facts.iter().map(|(name, fact)| (name.clone(), fact.clone().into())).collect())
    }
}
