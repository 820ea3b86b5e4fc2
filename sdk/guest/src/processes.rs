//! Processes of the machine. Permission `processes`.

use crate::Fault;
use crate::bindings::monitor::fitment::accessory::processes;

pub use processes::Process;

/// Lists every process that the agent's account may see, ordered by number. How a process was called is not told.
pub fn list() -> Result<Vec<Process>, Fault> {
    processes::list_processes()
}
