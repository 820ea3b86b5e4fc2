//! What needs servers from apt: leave it out with `--skip real::`.

mod backup;
mod browser;
mod certificates;
mod crashes;
mod doors;
mod full_disk;
mod instructions;
mod outages;
mod series;
mod store;
mod sync;
mod tenancy;
mod tickets;
