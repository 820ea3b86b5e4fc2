//! What the host offers to guests: one file per interface of the contract. Each call is counted before it is answered.

mod clock;
mod device;
mod exec;
mod files;
mod fixture;
mod http;
pub(crate) mod logging;
mod logs;
mod metrics;
mod net;
mod packages;
mod processes;
mod run_context;
pub(crate) mod script_host;
mod services;
mod state;

use fitment_device::Unreadable;
use fitment_domain::act::{self, Act, Done};
use fitment_domain::look::{self, Look, Seen};
use fitment_domain::run::{HostReply, HostRequest};

use crate::contract::offered::types::Fault;
use crate::readings::unreadable;
use crate::state::RunState;

/// Interfaces of types alone have no functions to answer.
impl crate::contract::offered::types::Host for RunState {}
impl crate::contract::offered::ticketing_types::Host for RunState {}

impl RunState {
    /// Makes a reading that may wait for a disk or for another process, beside the thread that all guests share.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Fault> {
        if self.fixture().is_some() {
            return Err(Fault::Unsupported("a simulated device has no such reading".to_owned()));
        }
        match tokio::task::spawn_blocking(read).await {
            Ok(read) => read.map_err(unreadable),
            Err(_) => Err(Fault::Failed("the reading was given up".to_owned())),
        }
    }

    /// Has the supervisor do it, if it is within the grant; whoever does it checks the grant again.
    async fn act(&mut self, act: Act) -> Result<Done, Fault> {
        act::check(&act, &self.grants)?;
        match self.supervisor.call(self.run, HostRequest::Act(act.clone())).await {
            Some(HostReply::Act(done)) => {
                if let (Some(device), Ok(_)) = (&mut self.simulated, &done) {
                    device.take(&act);
                }
                done.map_err(Fault::from)
            }
            _ => Err(unanswered()),
        }
    }

    /// Has the broker look, by way of the supervisor, if it is within the grant; the broker checks the grant again.
    async fn by_the_broker(&mut self, look: Look) -> Result<Seen, Fault> {
        look::check(&look, &self.grants)?;
        match self.supervisor.call(self.run, HostRequest::Look(look)).await {
            Some(HostReply::Look(seen)) => seen.map_err(Fault::from),
            _ => Err(unanswered()),
        }
    }

    /// Counts a call that leaves the machine, which is dearer than others.
    fn outside_call(&mut self) -> Result<(), Fault> {
        if self.usage.http_calls >= self.budget.http_calls_max {
            return Err(Fault::Exhausted("http_calls_max".to_owned()));
        }
        self.usage.http_calls += 1;
        Ok(())
    }

    /// How long a call may wait: as asked, and no longer than the run; 0 asks for as long as the run may take.
    fn wait_ms(&self, asked_ms: u32) -> u32 {
        let remaining_ms = u32::try_from(self.remaining_ms()).unwrap_or(u32::MAX);
        if asked_ms == 0 { remaining_ms } else { asked_ms.min(remaining_ms) }
    }
}

/// Another answer than was asked for is none.
fn unanswered() -> Fault {
    Fault::Failed("the supervisor did not answer".to_owned())
}
