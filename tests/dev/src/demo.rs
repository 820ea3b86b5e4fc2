//! `cargo demo`: the path from a published accessory to a ticket, played on this machine.

use anyhow::{Result, bail};

use crate::machine::{self, Thing};
use crate::programs;
use crate::progress::Steps;
use crate::workspace::Workspace;

/// What `cargo demo` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Deliver the ticket to a Request Tracker on this machine (installing it needs root)
    #[arg(long)]
    real: bool,
    /// Run the path once without a person and end; 0 means that every step really happened
    #[arg(long)]
    once: bool,
}

/// Prepares the machine, builds everything, then plays the path.
pub(crate) fn command(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut things = vec![Thing::CCompiler, Thing::WasmTarget];
    if arguments.real {
        things.push(Thing::RequestTracker);
    }
    let mut steps = Steps::new(things.len() + programs::STEPS);
    machine::prepare(&mut steps, workspace, &things)?;
    programs::build(&mut steps, workspace)?;
    run(workspace, arguments)
}

fn run(_workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let real = if arguments.real { " --real" } else { "" };
    let once = if arguments.once { " --once" } else { "" };
    bail!("demo{real}{once}: not supported yet")
}
