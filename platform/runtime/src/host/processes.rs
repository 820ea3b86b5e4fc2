//! `processes`: read here, as this process's own account sees them.

use super::fixture;
use crate::contract::offered::processes::{Host, Process};
use crate::contract::offered::types::Fault;
use crate::readings;
use crate::state::RunState;

impl Host for RunState {
    async fn list_processes(&mut self) -> wasmtime::Result<Result<Vec<Process>, Fault>> {
        self.host_call()?;
        if let Some(device) = self.fixture() {
            return Ok(fixture::many(&device.processes, "processes"));
        }
        let listed = self.reading(readings::processes).await;
        Ok(listed.map(|processes| processes.into_iter().map(Process::from).collect()))
    }
}
