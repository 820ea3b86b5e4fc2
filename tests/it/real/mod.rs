//! What needs servers from apt: leave it out with `--skip real::`.

mod store;
mod full_disk;
mod crashes;
mod outages;
mod tickets;
mod doors;
mod certificates;
mod instructions;
mod tenancy;
