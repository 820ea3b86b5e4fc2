//! The product's stories, from one end to the other, through its public interfaces. Each scenario is written once and
//! runs on SQLite here and on PostgreSQL below `real`.

mod access;
mod accessories;
pub(crate) mod alerts;
pub(crate) mod api;
pub(crate) mod author;
pub(crate) mod backup;
pub(crate) mod certificates;
mod changes;
pub(crate) mod clients;
pub(crate) mod command_line;
pub(crate) mod crashes;
mod damage;
pub(crate) mod devices;
pub(crate) mod doors;
mod first_start;
pub(crate) mod full_disk;
pub(crate) mod install;
pub(crate) mod instructions;
mod json;
mod lists;
mod older;
mod orders;
pub(crate) mod outages;
mod page_forms;
mod pages;
pub(crate) mod people;
mod publisher;
mod release_life;
pub(crate) mod renewal;
pub(crate) mod requests;
pub(crate) mod series;
mod telling;
pub(crate) mod tenancy;
mod test_tenant;
mod tickets;
pub(crate) mod uploads;
