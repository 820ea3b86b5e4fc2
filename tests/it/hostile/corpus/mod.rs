//! The corpus of hostile guests: each stands in the file of its family, with how it ends, and everything here walks all of them.
//!
//! A guest is the inside of a core module whose function `$check` is called; the rest (memory, `cabi_realloc`, the entry of the world)
//! is put around it where it brings none of its own. One that needs nothing of a device runs in both worlds: as a monitor does on a
//! device, and as a connector does on the server. What the gate refuses is in `refused.rs`, because a generator says it shorter.

mod refused;
mod sandbox;
mod story;
mod text;
mod wrap;
