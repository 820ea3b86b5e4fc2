//! Every story and check of the project, in one test binary. What needs servers from apt lives below `real`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test says what is wrong by panicking")]

mod hostile;
mod house;
#[cfg(feature = "measures")]
mod measures;
mod real;
mod store;
mod stories;
mod support;
