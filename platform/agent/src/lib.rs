//! The agent's duty: who it is, what it is to do, when, and what became of it. What runs, runs in the sandbox behind
//! `fitment-runner-client`; what is read of the machine is read by `fitment-device`.
//!
//! The modules stand in the order in which things happen: a machine becomes a device, gets its set, runs it, and tells.

pub mod backoff;
pub mod clock;
pub mod files;
pub mod folder;
pub mod random;
pub mod stop;

pub mod problem;
pub mod status;

pub mod certificate;
pub mod tls;

pub mod client;

pub mod identity;

pub mod enrolment;

pub mod facts;
pub mod renewal;

pub mod artifacts;
pub mod cache;
pub mod comparisons;
pub mod door;
pub mod instructions;
pub mod roster;
pub mod signed_set;

pub mod broker;
pub mod crash;
pub mod memory;
pub mod runs;
pub mod sandbox;
pub mod schedule;

pub mod ledger;
pub mod orders;

pub mod outbox;
pub mod sender;
pub mod spool;

pub mod agent;
pub mod show;
