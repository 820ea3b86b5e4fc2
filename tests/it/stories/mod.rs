//! The product's stories, from one end to the other, through its public interfaces. Each scenario is written once and
//! runs on SQLite here and on PostgreSQL below `real`.

pub(crate) mod full_disk;
