//! Invariants that the sources themselves must show. Numbers are those of ARCHITECTURE.md.

mod domain;
mod releases;
mod scopes;
mod transactions;
mod verification;
