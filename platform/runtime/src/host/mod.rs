//! What the host offers to guests: one file per interface of the contract. Each call is counted before it is answered.

mod clock;
mod device;
mod http;
pub(crate) mod logging;
mod metrics;
mod run_context;

/// Interfaces of types alone have no functions to answer.
impl crate::contract::offered::types::Host for crate::state::RunState {}
impl crate::contract::offered::ticketing_types::Host for crate::state::RunState {}
