//! `fitment-broker`: does what a signed order allows, for the agent that speaks frames over its standard streams.

use std::path::Path;
use std::process::ExitCode;

use fitment_agent::broker::{Duty, serve};
use fitment_agent::clock;
use fitment_agent::folder::StateFolder;
use fitment_agent::identity;
use fitment_device::descriptors;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fitment-broker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    // Programs that it runs inherit nothing of them either.
    descriptors::close_inherited();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let state = match arguments.as_slice() {
        [name, state] if name == "--state" => Path::new(state),
        _ => anyhow::bail!("usage: fitment-broker --state FOLDER, started by fitment-agent"),
    };
    rustix::thread::set_no_new_privs(true)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let (me, instruction_key) = identity::whose_orders(&StateFolder::at(state))?;
    let duty = Duty { me, instruction_key };
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    serve(duty, &mut input, &mut output, clock::now, nobody_waits)?;
    Ok(())
}

/// Returns whether the agent closed its end of the pipe.
fn nobody_waits() -> bool {
    let stdin = std::io::stdin();
    let mut pipe = [PollFd::new(&stdin, PollFlags::empty())];
    poll(&mut pipe, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
        && pipe[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}
