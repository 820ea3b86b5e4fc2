//! The rules of the marketplace: no I/O, no async, no clock, no framework. Time and randomness are arguments.
//!
//! The modules below stand in the order in which data flows, from an account to a ticket in somebody else's system.

pub mod bytes;
pub mod id;
pub mod time;

pub mod tenant;

pub mod device;
#[cfg(feature = "server")]
pub mod import;
pub mod location;

pub mod manifest;
pub mod origin;
pub mod package;
pub mod signature;

pub mod budget;
pub mod capability;
pub mod reach;

pub mod ceiling;
pub mod difference;
pub mod egress;

pub mod artifact;
pub mod release;
pub mod validation;

pub mod matching;

pub mod execution;
#[cfg(feature = "server")]
pub mod form;
pub mod installation;
pub mod instruction;

pub mod crash;
pub mod reading;
pub mod run;
pub mod simulation;

pub mod act;
pub mod look;
pub mod request;

pub mod text;

pub mod finding;
pub mod series;

pub mod alert;

pub mod ticket;

pub mod mapping;

pub mod sync;

pub mod audit;
pub mod cost;
pub mod protocol;
