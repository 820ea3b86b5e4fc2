//! Prepares the machine, builds the programs, and proves or shows that they work: `cargo demo`, `cargo verify`, `cargo measure`.

mod claims;
mod deep;
mod demo;
mod deny;
mod machine;
mod measure;
mod mutations;
mod programs;
mod progress;
mod requirements;
mod shell;
mod suite;
mod verify;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::machine::NeedsPerson;
use crate::workspace::Workspace;

/// The words after `cargo`: the aliases in `.cargo/config.toml` put them here.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo", about = "Fitment's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows the whole path, from a published accessory to a ticket, on this machine
    Demo(demo::Arguments),
    /// Runs every check and names the requirements that passing tests prove
    Verify(verify::Arguments),
    /// Takes the figures that the documentation states
    Measure(measure::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::find().and_then(|workspace| match arguments.command {
        Task::Demo(arguments) => demo::command(&workspace, &arguments).map(|()| true),
        Task::Verify(arguments) => verify::command(&workspace, &arguments),
        Task::Measure(arguments) => measure::command(&workspace, &arguments).map(|()| true),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            // 2: nothing is wrong with the project, a person has to do something on this machine first.
            ExitCode::from(if error.is::<NeedsPerson>() { 2 } else { 1 })
        }
    }
}
