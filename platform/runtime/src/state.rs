//! What the store of one run carries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fitment_domain::budget::{Budget, Usage};
use fitment_domain::capability::Grants;
use fitment_domain::run::{Fact, RunNumber, RunRequest, State};
use fitment_domain::simulation::Simulation;
use fitment_domain::time::UnixMs;

use crate::host::logging::LogRing;
use crate::host::script_host::Telling;
use crate::limiter::Limiter;
use crate::meter::Meter;
use crate::supervisor::Supervisor;

/// A bound of the budget that ends the run, by its field name.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the run reached its {0}")]
pub(crate) struct Exhaustion(pub(crate) &'static str);

/// Everything that host functions of one run may see.
pub struct RunState {
    pub(crate) run: RunNumber,
    pub(crate) config: String,
    pub(crate) parameters: String,
    pub(crate) grants: Grants,
    pub(crate) facts: Arc<[(String, Fact)]>,
    /// What earlier runs left, with what this one changed of it.
    pub(crate) kept: State,
    /// The bytes of `kept`, counted along: adding them up anew would make every call as dear as all there is.
    pub(crate) kept_bytes: usize,
    pub(crate) kept_changed: bool,
    pub(crate) telling: Telling,
    pub(crate) budget: Budget,
    pub(crate) usage: Usage,
    pub(crate) limiter: Limiter,
    pub(crate) log: LogRing,
    pub(crate) meter: Arc<Meter>,
    pub(crate) supervisor: Supervisor,
    /// What stands in the place of the device.
    pub(crate) simulated: Option<Simulation>,
    /// The corrected time at which the run started.
    pub(crate) started_at: UnixMs,
    pub(crate) process_started: Instant,
    started: Instant,
}

impl RunState {
    pub(crate) fn new(request: RunRequest, facts: Arc<[(String, Fact)]>, supervisor: Supervisor) -> Self {
        Self {
            run: request.run,
            config: request.config,
            parameters: request.parameters,
            grants: request.grants,
            facts,
            simulated: request.simulated,
            kept_bytes: request.state.iter().map(|(key, value)| key.len() + value.len()).sum(),
            kept: request.state,
            kept_changed: false,
            telling: Telling::default(),
            limiter: Limiter::new(&request.budget),
            log: LogRing::new(request.budget.log_bytes_max),
            budget: request.budget,
            usage: Usage::default(),
            meter: Arc::default(),
            process_started: supervisor.process_started(),
            supervisor,
            started_at: request.now,
            started: Instant::now(),
        }
    }

    /// Turns to the next run of an instance that was kept: all is new but what the instance holds.
    pub(crate) fn begin_again(&mut self, mut next: Self) {
        std::mem::swap(&mut self.limiter, &mut next.limiter);
        next.limiter.forget_denied();
        *self = next;
    }

    /// Counts one call into the host; beyond the budget it ends the run.
    pub(crate) fn host_call(&mut self) -> wasmtime::Result<()> {
        self.usage.host_calls += 1;
        if self.usage.host_calls > self.budget.host_calls_max {
            return Err(Exhaustion("host_calls_max").into());
        }
        Ok(())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns how long the run has lasted as its guest may see it: no time passes on a simulated device.
    pub(crate) fn guest_elapsed_ms(&self) -> u64 {
        if self.simulated.is_some() { 0 } else { self.elapsed_ms() }
    }

    /// Returns the corrected time as the guest may see it, in milliseconds since 1970-01-01 UTC.
    pub(crate) fn guest_now_ms(&self) -> u64 {
        u64::try_from(self.started_at.plus_ms(self.guest_elapsed_ms()).0).unwrap_or(0)
    }

    /// Returns the guest's monotonic time. A simulated clock stands still: equal fixtures make equal answers.
    pub(crate) fn guest_monotonic_ns(&self) -> u64 {
        match self.simulated {
            Some(_) => 0,
            None => crate::readings::monotonic_ns(self.process_started),
        }
    }

    pub(crate) fn remaining_ms(&self) -> u64 {
        self.budget.wall_ms_max.saturating_sub(self.elapsed_ms())
    }

    /// Returns whether the run has used up its time on the processor.
    pub(crate) fn cpu_exhausted(&self) -> bool {
        self.meter.spent_ns() / 1_000_000 >= self.budget.cpu_ms_max
    }
}
