//! `exec`: the broker runs the program, after it has read the order itself.

use fitment_domain::act::{Act, Done};

use super::unanswered;
use crate::contract::offered::exec::{Host, Output};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl Host for RunState {
    async fn run(
        &mut self,
        argv: Vec<String>,
        stdin: Option<String>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Output, Fault>> {
        self.host_call()?;
        let timeout_ms = self.wait_ms(timeout_ms);
        let stdin = stdin.map(String::into_bytes);
        Ok(match self.act(Act::Run { argv, stdin, timeout_ms }).await {
            Ok(Done::Ran(output)) => Ok(output.into()),
            Ok(_) => Err(unanswered()),
            Err(fault) => Err(fault),
        })
    }
}
