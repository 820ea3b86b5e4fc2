//! The commands, one noun a module.

pub mod alerts;
pub mod approve;
pub mod audit;
pub mod build;
pub mod categories;
pub mod check;
pub mod clients;
pub mod connections;
pub mod devices;
pub mod findings;
pub mod fit;
pub mod install;
pub mod installations;
pub mod keygen;
pub mod locations;
pub mod login;
pub mod publish;
pub mod releases;
pub mod requests;
pub mod rules;
pub mod run;
pub mod series;
pub mod sign;
pub mod tickets;
pub mod zero_certificates;
