//! The product's stories, from one end to the other, through its public interfaces. Each scenario is written once and
//! runs on SQLite here and on PostgreSQL below `real`.

pub(crate) mod full_disk;
pub(crate) mod doors;
pub(crate) mod alerts;
pub(crate) mod crashes;
pub(crate) mod outages;
pub(crate) mod uploads;
mod publisher;
pub(crate) mod command_line;
pub(crate) mod install;
pub(crate) mod certificates;
pub(crate) mod instructions;
pub(crate) mod api;
pub(crate) mod tenancy;
