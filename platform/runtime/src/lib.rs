//! The only crate that knows wasmtime: inspect, compile, run under grants and budgets.
//!
//! Three programs share it. `fitment-compiler` inspects and compiles in a process that may die of it, `fitment-runner` runs
//! compiled code and holds no compiler, `fitment-bare` is the benchmark's peer. One engine configuration serves all three.

#[cfg(all(target_os = "linux", any(feature = "runner", feature = "compiler")))]
pub mod confine;
pub mod contract;
pub mod engine;
#[cfg(any(feature = "runner", feature = "bare"))]
pub mod readings;

#[cfg(feature = "compiler")]
pub mod inspect;

#[cfg(any(feature = "runner", feature = "bare"))]
mod convert;
#[cfg(feature = "runner")]
pub mod frames;
#[cfg(feature = "runner")]
mod host;
#[cfg(feature = "runner")]
pub mod lanes;
#[cfg(feature = "runner")]
mod limiter;
#[cfg(feature = "runner")]
mod meter;
#[cfg(feature = "runner")]
pub mod prepare;
#[cfg(feature = "runner")]
pub mod run;
#[cfg(feature = "runner")]
mod state;
#[cfg(feature = "runner")]
mod stubs;
#[cfg(feature = "runner")]
pub mod supervisor;
#[cfg(feature = "runner")]
pub mod warm;
#[cfg(feature = "runner")]
mod wasi;
#[cfg(feature = "runner")]
pub mod world;
