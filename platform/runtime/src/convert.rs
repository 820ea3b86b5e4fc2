//! The contract's records as the domain's values, and back.

mod fault;
mod finding;
mod ticketing;
