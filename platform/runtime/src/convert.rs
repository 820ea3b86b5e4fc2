//! The contract's records as the domain's values, and back.

mod fault;
#[cfg(feature = "runner")]
mod finding;
mod reading;
#[cfg(feature = "runner")]
mod ticketing;
#[cfg(feature = "runner")]
mod ticketing_sync;

#[cfg(feature = "runner")]
pub(crate) use finding::findings;
