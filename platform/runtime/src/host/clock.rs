//! `clock`: the corrected time at which the run started, and what has passed since.

use crate::contract::offered::clock::Host;
use crate::state::RunState;

impl Host for RunState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.guest_now_ms())
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        Ok(self.guest_monotonic_ns())
    }
}
