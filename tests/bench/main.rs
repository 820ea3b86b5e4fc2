//! `fitment-bench`: takes the figures that the documentation states. `cargo measure` builds what it needs and runs it.
//!
//! It prints a table for people, and as its last line an object of keys and numbers.

mod bare;
mod checks;
mod compile;
mod figures;
mod forks;
#[path = "../it/hostile/guest.rs"]
#[expect(
    dead_code,
    clippy::unwrap_used,
    reason = "it is the tests' own, which use more of it; a guest that is wrong ends a measurement"
)]
mod guest;
mod neighbours;
mod processor;
mod sandbox;
mod series;
mod start;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What ends a measurement; the text says what was done and why it did not work.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "fitment-bench", about = "Takes the figures that the documentation states")]
struct Arguments {
    #[command(subcommand)]
    figure: Figure,
}

#[derive(Subcommand)]
enum Figure {
    /// A fresh run of load through runner and client, beside bare wasmtime on the same component and host functions and beside a
    /// forked plug-in; what a guest that spins costs its neighbour; how late guests end
    Sandbox {
        /// Folder of the built accessories
        #[arg(long)]
        accessories: PathBuf,
        /// Folder of fitment-runner, fitment-compiler and fitment-bare; default: beside this program
        #[arg(long)]
        programs: Option<PathBuf>,
        /// Pairs of blocks: one through the sandbox, one bare
        #[arg(long, default_value_t = 100)]
        rounds: usize,
    },
    /// Compiling a component at the level that is shipped and at none, and its fresh runs after each
    Compile {
        /// The component
        #[arg(long)]
        component: PathBuf,
        /// Folder of fitment-bare
        #[arg(long)]
        programs: PathBuf,
        /// How often it is compiled at each level
        #[arg(long, default_value_t = 5)]
        times: usize,
    },
    /// Scheduled checks of an agent, on whatever processors this process may use
    #[command(hide = true)]
    Checks {
        /// The accessory that looks
        #[arg(long)]
        component: PathBuf,
        /// Folder of fitment-runner and fitment-compiler
        #[arg(long)]
        programs: PathBuf,
    },
    /// From the start of a server on SQLite until it is ready
    Start {
        /// The server program
        #[arg(long)]
        server: PathBuf,
        /// How many new folders it is started in, twice each
        #[arg(long, default_value_t = 20)]
        folders: usize,
    },
    /// What a sample costs on disk and to write, beside one row per sample
    Series {
        #[arg(long, default_value_t = 20)]
        devices: usize,
        /// One sample of each series a minute
        #[arg(long, default_value_t = 120)]
        minutes: usize,
    },
}

fn main() -> ExitCode {
    let measured = match Arguments::parse().figure {
        Figure::Sandbox { accessories, programs, rounds } => sandbox::measure(&accessories, programs, rounds.max(1)),
        Figure::Compile { component, programs, times } => compile::measure(&programs, &component, times.max(1)),
        Figure::Checks { component, programs } => checks::here(&component, programs),
        Figure::Start { server, folders } => start::measure(&server, folders.max(1)),
        Figure::Series { devices, minutes } => series::measure(devices.max(1), minutes.max(1)),
    };
    match measured {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fitment-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
