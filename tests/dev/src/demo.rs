//! `cargo demo`: the path from a published accessory to a ticket, played on this machine.

mod calls;
mod disk;
mod guard;
mod host;
mod http;
mod market;
mod path;
mod service;
mod state;
mod table;
mod tracker;
mod wait;
mod watch;

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, anyhow};

use self::guard::Guard;
use self::path::Played;
use self::state::State;
use crate::machine::{self, Thing};
use crate::programs;
use crate::progress::Steps;
use crate::workspace::{Workspace, shown};

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What `cargo demo` can be told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Deliver the ticket to a Request Tracker on this machine, and run two devices of their own (needs root)
    #[arg(long)]
    real: bool,
    /// Run the path once without a person and end; 0 means that every step really happened
    #[arg(long)]
    once: bool,
    /// Fill the disk that holds the build output, as for an account that may not mount one
    #[arg(long, hide = true, conflicts_with = "real")]
    no_mount: bool,
}

/// Prepares the machine, builds everything, then plays the path.
pub(crate) fn command(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let mut things = vec![Thing::CCompiler, Thing::WasmTarget];
    if arguments.real {
        things.extend([Thing::RequestTracker, Thing::Devices]);
    }
    let mut steps = Steps::new(things.len() + programs::STEPS + path::steps(arguments.real, arguments.once));
    machine::prepare(&mut steps, workspace, &things)?;
    programs::build(&mut steps, workspace)?;
    let state = State::create(workspace)?;
    play(&mut steps, workspace, &state, arguments).map_err(|error| {
        let (folder, logs) = (shown(workspace, &state.root), state.log(""));
        let logs = shown(workspace, &logs);
        anyhow!("{error:#}\nEverything is kept in {folder}: in {logs} are server.log, agent.log, commands.log and the others.")
    })
}

fn play(steps: &mut Steps, workspace: &Workspace, state: &State, arguments: &Arguments) -> Result<()> {
    let mut guard = Guard::start(workspace, state)?;
    let mut played = path::play(steps, workspace, state, &mut guard, arguments.real, !arguments.no_mount)?;
    if arguments.once {
        played.clear(steps, &mut guard)?;
        table::print(&played.rows());
        guard.remove_folder_at_the_end()?;
        guard.end()?;
        println!("\nEvery step really happened, and nothing of it is left behind.");
        return Ok(());
    }
    table::print(&played.rows());
    println!("{}", invitation(workspace, state, &played));
    guard.remove_folder_at_the_end()?;
    loop {
        guard.all_run()?;
        sleep(LOOK_EVERY);
    }
}

/// Says what a person can do with a demo that stays.
fn invitation(workspace: &Workspace, state: &State, played: &Played<'_>) -> String {
    let market = &played.market;
    let program = workspace.program("fitment");
    let fitment = shown(workspace, &program);
    let home = state.path("home");
    let (url, email, password) = (&market.url, market::MSP_EMAIL, &market.msp_password);
    let mut lines = vec![
        "\nEverything runs until Ctrl-C, which removes it. In another terminal:".to_owned(),
        format!("  export FITMENT_HOME={}", calls::quoted(&home.to_string_lossy())),
        format!("  {fitment} --profile msp tickets        also: devices, findings, alerts, connections, audit"),
        format!("  {fitment} --profile operator releases  or --profile publisher"),
        format!("  {}   makes room: the ticket closes after two good looks", played.disk.free_by_hand()),
        "\nThe service provider's sign-in:".to_owned(),
        format!("  URL       {url}   (its API: {url}/api/openapi.json)"),
        format!("  e-mail    {email}"),
        format!("  password  {password}"),
        format!("  FITMENT_PASSWORD={password} {fitment} login --profile mine --url {url} --email {email}"),
    ];
    if let Some(tracker) = &played.tracker {
        lines.push("\nRequest Tracker, with the password that every new one has:".to_owned());
        lines.push(format!("  {}   user root, password password", tracker.url));
    }
    lines.join("\n")
}
