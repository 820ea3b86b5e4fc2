//! What a program that touches guests gives up before it reads its first byte of them: an account that may do anything, new privileges,
//! files, the network, other processes, and every system call that it does not need. Each is given up where the kernel lets it; what it
//! does not is named, and the program goes on.
//!
//! It happens while there is one thread: what is given up is a thread's own, and later threads inherit it.

mod account;
mod calls;
mod files;
#[cfg(feature = "runner")]
pub mod probe;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};

/// What a program may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Readings of the device: a few folders to read, and threads that wait for them.
    Device,
    /// Pipes, memory and threads.
    Threads,
    /// Pipes and memory.
    Nothing,
}

/// Bounds that the kernel keeps for the whole process.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub open_files_max: u64,
    /// Bytes of one file: of those in memory too, in which an engine keeps what instances begin with.
    pub file_bytes_max: u64,
    /// Address space on top of what is taken already; none: unbounded.
    pub more_address_space_bytes_max: Option<u64>,
}

/// Why a program does not even begin: what every Linux does was refused.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct NotConfined {
    what: &'static str,
    reason: String,
}

fn not_confined<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> NotConfined {
    move |error| NotConfined { what, reason: error.to_string() }
}

/// Threads of an account of its own: several runners may share it.
const THREADS_MAX: u64 = 1_024;

/// Gives up all but what is needed, and returns what the kernel did not let it give up, in words.
pub fn confine(needs: Needs, bounds: Bounds) -> Result<Vec<String>, NotConfined> {
    confine_with(needs, bounds, files::close)
}

/// Does as where the kernel has no landlock: for the probe, which shows what holds all the same.
#[cfg(feature = "runner")]
pub fn confine_without_landlock(needs: Needs, bounds: Bounds) -> Result<Vec<String>, NotConfined> {
    confine_with(needs, bounds, |_| vec!["landlock (left out, to see what holds without it)".to_owned()])
}

fn confine_with(
    needs: Needs,
    bounds: Bounds,
    close_files: impl FnOnce(Needs) -> Vec<String>,
) -> Result<Vec<String>, NotConfined> {
    let mut lacks = Vec::new();
    set_no_new_privs(true).map_err(not_confined("no_new_privs"))?;
    limits(bounds)?;
    match account::leave_root() {
        Ok(account::Left::Own) => limit(Resource::Nproc, THREADS_MAX)?,
        // An account that others use too: their processes would count.
        Ok(account::Left::AsStarted) => {}
        Err(reason) => lacks.push(format!("an account of its own ({reason})")),
    }
    set_capabilities(None, no_capabilities()).map_err(not_confined("capabilities"))?;
    // Leaving an account sets this back.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(not_confined("dumpable"))?;
    lacks.extend(close_files(needs));
    lacks.extend(calls::filter(needs));
    Ok(lacks)
}

fn no_capabilities() -> CapabilitySets {
    let none = CapabilitySet::empty();
    CapabilitySets { effective: none, permitted: none, inheritable: none }
}

fn limits(bounds: Bounds) -> Result<(), NotConfined> {
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, bounds.open_files_max)?;
    limit(Resource::Fsize, bounds.file_bytes_max)?;
    if let Some(more) = bounds.more_address_space_bytes_max {
        limit(Resource::As, taken_bytes().saturating_add(more))?;
    }
    Ok(())
}

/// Lowers both limits; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> Result<(), NotConfined> {
    let before = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let most = Some(most.min(before));
    setrlimit(resource, Rlimit { current: most, maximum: most }).map_err(not_confined("limits"))
}

/// Returns the address space that is taken, in bytes; as much as there can be where nobody says.
fn taken_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = text.split_whitespace().next().and_then(|pages| pages.parse().ok());
    pages.map_or(u64::MAX, |pages| pages.saturating_mul(rustix::param::page_size() as u64))
}
