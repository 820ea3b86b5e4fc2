//! Programs, without a shell. Permission `exec`; scripts only.

use crate::Fault;
use crate::bindings::script::fitment::accessory::exec;

pub use exec::Output;

/// Runs a program by its absolute path with these arguments and waits for its end; one that ends with another code than 0 is no fault.
/// After `timeout_ms` (0: as long as the run may take) it is killed with what it started: `Fault::TimedOut`.
pub fn run(argv: &[&str], stdin: Option<&str>, timeout_ms: u32) -> Result<Output, Fault> {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    exec::run(&argv, stdin, timeout_ms)
}
