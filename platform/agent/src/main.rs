//! `fitment-agent`: enrols a machine, runs its accessories, and says how it is.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use fitment_agent::folder::StateFolder;
use fitment_agent::identity::Identity;
use fitment_agent::{agent, clock, enrolment, files, show, stop};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

const WORKERS: usize = 2;

/// The agent of the Fitment accessory marketplace.
#[derive(Parser)]
#[command(name = "fitment-agent", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// How the log is written; FITMENT_LOG says how much (default: info).
    #[arg(long, global = true, value_enum, default_value = "pretty")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    #[value(alias = "text")]
    Pretty,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Makes this machine a device: its own key, and a certificate for it. Can be repeated.
    Enrol {
        /// The zero bundle of the site.
        #[arg(long)]
        bundle: PathBuf,
        /// The agent's state folder.
        #[arg(long)]
        state: PathBuf,
        /// Where this machine stands: a location of its client, or client/location.
        #[arg(long, env = "FITMENT_LOCATION")]
        location: Option<String>,
    },
    /// Runs the agent until SIGTERM or SIGINT.
    Run {
        /// The agent's state folder.
        #[arg(long)]
        state: PathBuf,
        /// Enrols first with this zero bundle, if the state folder holds no identity.
        #[arg(long)]
        bundle: Option<PathBuf>,
        /// The folder of fitment-runner and fitment-compiler (default: where fitment-agent is).
        #[arg(long)]
        programs: Option<PathBuf>,
        /// Where this machine stands: a location of its client, or client/location.
        #[arg(long, env = "FITMENT_LOCATION")]
        location: Option<String>,
    },
    /// Shows how the agent is.
    Status {
        /// The agent's state folder.
        #[arg(long)]
        state: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log(arguments.log_format);
    match run(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Each error names its cause itself.
            eprintln!("fitment-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("FITMENT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match format {
        LogFormat::Pretty => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    match command {
        Command::Enrol { bundle, state, location } => runtime.block_on(enrol(bundle, state, location)),
        Command::Run { state, bundle, programs, location } => {
            let programs = programs.map_or_else(folder_of_this_program, Ok)?;
            runtime.block_on(run_agent(agent::Options { state, programs, bundle, location }))
        }
        Command::Status { state } => {
            for line in show::lines(&StateFolder::at(&state), clock::now())? {
                println!("{line}");
            }
            Ok(())
        }
    }
}

fn folder_of_this_program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()
        .map_err(|e| anyhow::anyhow!("where fitment-agent is cannot be found out ({e}): name --programs"))?;
    Ok(program.parent().map(PathBuf::from).unwrap_or_default())
}

async fn enrol(bundle: PathBuf, state: PathBuf, location: Option<String>) -> anyhow::Result<()> {
    let folder = StateFolder::at(&state);
    folder.create()?;
    let _lock = files::lock(&folder.lock())?;
    let bundle = enrolment::read_bundle(&bundle)?;
    let (identity, how) = match Identity::load(&folder)? {
        Some(identity) if identity.me.tenant != bundle.tenant => anyhow::bail!(
            "this state folder is enrolled for {}, the bundle is of {}: use another state folder",
            identity.me.tenant,
            bundle.tenant
        ),
        Some(identity) => (identity, "was enrolled already"),
        None => (enrolment::enrol(&folder, &bundle, enrolment::facts(location.as_deref())).await?, "enrolled"),
    };
    println!("{} {how} at {}", identity.me.device, identity.server);
    Ok(())
}

async fn run_agent(options: agent::Options) -> anyhow::Result<()> {
    let (stopper, stop) = stop::channel();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop by SIGTERM"),
            _ = interrupt.recv() => tracing::info!("told to stop by SIGINT"),
        }
        stopper.stop();
        // Dropped only when the process ends.
        std::future::pending::<()>().await;
    });
    agent::run(options, stop).await?;
    Ok(())
}
