//! `run-context`: what the run was started with.

use crate::contract::offered::run_context::Host;
use crate::state::RunState;

impl Host for RunState {
    fn config(&mut self) -> wasmtime::Result<String> {
        self.host_call()?;
        Ok(self.config.clone())
    }

    fn parameters(&mut self) -> wasmtime::Result<String> {
        self.host_call()?;
        Ok(self.parameters.clone())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u32> {
        self.host_call()?;
        Ok(u32::try_from(self.budget.wall_ms_max.saturating_sub(self.guest_elapsed_ms())).unwrap_or(u32::MAX))
    }
}
