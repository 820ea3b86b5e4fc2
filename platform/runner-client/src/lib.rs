//! The only crate that knows the process boundary: it spawns, feeds, limits and ends the programs that touch guests.
//!
//! [`Sandbox`] is what server and agent use. Behind it: the compiler program in its limits, the cache of compiled code under
//! a host-local authentication code, the runner process and its frames, and the host calls that need a secret or the network.

mod adopted;
mod artifacts;
mod cache;
mod compiler;
mod device_host;
mod egress;
mod host;
mod http;
mod net;
mod program;
mod runner;
mod sandbox;

pub use adopted::Compared;
pub use artifacts::PrepareError;
pub use cache::CacheError;
pub use compiler::{Compiler, CompilerError};
pub use device_host::{Acts, DeviceHost, NoActs};
pub use egress::{Egress, NoConnection, Resolver, Way};
pub use host::{CallLimits, HostCalls, NoHostCalls};
pub use http::{HttpHost, HttpHostError, Secrets, Trust};
pub use program::KILLED;
pub use runner::RunnerError;
pub use sandbox::{ComponentRef, RunSpec, Sandbox, SandboxConfig, SandboxError, WITHDRAWN};
