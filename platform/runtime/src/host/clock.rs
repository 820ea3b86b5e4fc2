//! `clock`: the corrected time at which the run started, and what has passed since.

use crate::contract::offered::clock::Host;
use crate::state::RunState;

impl Host for RunState {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        let now = self.started_at.plus_ms(self.guest_elapsed_ms());
        Ok(u64::try_from(now.0).unwrap_or(0))
    }

    fn monotonic_ns(&mut self) -> wasmtime::Result<u64> {
        self.host_call()?;
        // A simulated clock stands still: equal fixtures make equal answers.
        Ok(match self.simulated {
            Some(_) => 0,
            None => crate::readings::monotonic_ns(self.process_started),
        })
    }
}
