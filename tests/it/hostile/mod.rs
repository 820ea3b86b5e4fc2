//! Accessories that mean harm, against the sandbox that server and agent use, with the real programs behind it.
//!
//! The guests are texts in `guests/`; each is made a component as an author's tool would do it, so every one of them is an
//! upload that passes inspection. Each check stands beside its counterpart: the same guest with a larger budget, with the
//! grant or with another constant does what the check forbade.

mod artifacts;
mod asking;
mod broker;
mod cache;
mod confinement;
mod corpus;
mod crash;
mod egress;
mod fuzz;
mod grants;
pub(crate) mod guest;
mod http;
mod inspection;
mod isolation;
mod lab;
mod memory;
mod output;
mod reach;
mod simulation;
mod smith;
mod time;
mod warm;
mod wasi;
mod web;
