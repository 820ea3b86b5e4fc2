//! What needs servers or systems from apt: leave it out with `--skip real::`.

mod backup;
mod browser;
mod certificates;
mod crashes;
mod devices;
mod doors;
mod full_disk;
mod instructions;
mod neighbours;
mod outages;
mod series;
mod store;
mod sync;
mod tenancy;
mod tickets;
