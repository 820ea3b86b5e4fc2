//! `fitment-server`: the marketplace's one server program.

mod accounts;
mod agents;
mod api;
mod app;
mod artifact;
mod auth;
mod authority;
mod backup;
mod clock;
mod closing;
mod connector;
mod door;
mod execution;
mod in_step;
mod intake;
mod item;
mod job;
mod keys;
mod known_keys;
mod limits;
mod locate;
mod lock;
mod metrics;
mod observe;
mod orders;
mod pages;
mod problem;
mod restore;
mod sealed;
mod serve;
mod signal;
mod tls;
mod waiting;
mod work;

use std::io::{IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use fitment_domain::location::parse_network;
use fitment_domain::tenant::{AccountKind, Role};
use ipnet::IpNet;

use crate::accounts::NewAccount;
use crate::clock::{Clock as _, SystemClock};
use crate::serve::Settings;

/// The accessory marketplace of an RMM product.
#[derive(Parser)]
#[command(name = "fitment-server", version)]
struct Command {
    /// How log lines look on standard error.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Action {
    /// Serves the API and the agents, and does the background work.
    Serve(ServeArgs),
    /// Makes accounts.
    #[command(subcommand)]
    Account(AccountAction),
    /// Makes every device's instruction set anew, in a new epoch, and prints that: after a backup was restored.
    NewEpoch(Place),
    /// Writes everything that this platform knows into one file, also while it serves.
    Backup {
        #[command(flatten)]
        place: Place,
        /// The file to write; it must not be there yet.
        #[arg(long)]
        to: PathBuf,
        /// A file whose first line seals the platform's keys. Without it they are NOT in the backup: keep DATA/keys elsewhere.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Puts a backup into an empty data folder and an empty database, and begins a new epoch.
    Restore {
        #[command(flatten)]
        place: Place,
        /// The file that `backup` wrote.
        #[arg(long)]
        from: PathBuf,
        /// A file whose first line opens the platform's keys.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Prints the OpenAPI document.
    Openapi,
}

#[derive(Args)]
struct Place {
    /// Folder for the database, objects and keys; made if it is missing.
    #[arg(long)]
    data: PathBuf,
    /// postgres://… or sqlite://…; default: SQLite in the data folder.
    #[arg(long, env = "FITMENT_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

#[derive(Args)]
struct ServeArgs {
    #[command(flatten)]
    place: Place,
    /// Where the API listens. Port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where agents are awaited, with TLS.
    #[arg(long, default_value = "127.0.0.1:8443")]
    agents_listen: SocketAddr,
    /// host:port under which agents reach that listener; default: where it listens.
    #[arg(long)]
    agents_address: Option<String>,
    /// A file whose first line is the token that opens `/metrics`. Without it there are no metrics.
    #[arg(long)]
    metrics_token_file: Option<PathBuf>,
    /// Folder of fitment-runner and fitment-compiler; default: beside this program.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// Networks that connections to ticketing systems may lead to besides public addresses, such as 10.1.2.0/24. Again for more, or
    /// with commas between. A cloud's metadata stays closed.
    #[arg(long, value_name = "NETWORK", env = "FITMENT_CONNECTIONS_MAY_REACH", value_delimiter = ',', value_parser = network)]
    connections_may_reach: Vec<IpNet>,
}

fn network(text: &str) -> Result<IpNet, String> {
    parse_network(text).map_err(|error| error.to_string())
}

#[derive(Subcommand)]
enum AccountAction {
    /// Adds an account; the password is read from standard input.
    Add {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum)]
        kind: Kind,
        /// Of staff: `owner` does everything, `reviewer` decides about releases. Publishers and MSPs begin with an owner.
        #[arg(long, value_enum, default_value = "owner")]
        role: StaffRole,
        /// A publisher's namespace (a-z, 0-9, hyphens), or the name of the MSP or operator.
        #[arg(long)]
        name: String,
        #[arg(long)]
        email: String,
        /// Says that the password comes on standard input (it is never taken from the command line).
        #[arg(long, required = true)]
        password_stdin: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Publisher,
    Msp,
    Operator,
}

#[derive(Clone, Copy, ValueEnum)]
enum StaffRole {
    Owner,
    Reviewer,
}

impl From<StaffRole> for Role {
    fn from(role: StaffRole) -> Self {
        match role {
            StaffRole::Owner => Role::Owner,
            StaffRole::Reviewer => Role::Reviewer,
        }
    }
}

impl From<Kind> for AccountKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Publisher => AccountKind::Publisher,
            Kind::Msp => AccountKind::Msp,
            Kind::Operator => AccountKind::Operator,
        }
    }
}

fn log_to_stderr(format: LogFormat) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn"));
    let colours = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the last words of a command go to standard error")]
async fn main() -> ExitCode {
    match run(Command::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What went wrong and why, in one line: where in the sources is of no use to whoever runs a server.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "what a command answers goes to standard output")]
async fn run(command: Command) -> anyhow::Result<()> {
    log_to_stderr(command.log_format);
    match command.action {
        Action::Serve(args) => serve::run(settings(args)?).await,
        Action::Account(AccountAction::Add { place, kind, role, name, email, password_stdin: _ }) => {
            let mut password = String::new();
            std::io::stdin().take(4096).read_to_string(&mut password)?;
            let store = Settings::store(&place.data, place.database.as_deref()).await?;
            let password = password.trim_end_matches(['\r', '\n']);
            let new = NewAccount { kind: kind.into(), role: role.into(), name: &name, email: &email };
            accounts::check(&new, password)?;
            let password_hash = auth::hash_password(password, clock::random()?)?;
            let account = accounts::add(&store, &new, password_hash, "server command line", SystemClock.now()).await?;
            println!("{}", account.id);
            Ok(())
        }
        Action::NewEpoch(place) => {
            let store = Settings::store(&place.data, place.database.as_deref()).await?;
            let epoch = restore::new_epoch(&store, SystemClock.now()).await;
            println!("{}", epoch.context("not every device may have a new set: run this command again")?);
            Ok(())
        }
        Action::Backup { place, to, passphrase_file } => {
            let passphrase = passphrase_file.as_deref().map(first_line).transpose()?;
            let store = Settings::store_as_it_is(&place.data, place.database.as_deref()).await?;
            let made = backup::write(&store, &place.data, &to, passphrase.as_deref(), SystemClock.now()).await?;
            println!("{}", serde_json::to_string(&made)?);
            Ok(())
        }
        Action::Restore { place, from, passphrase_file } => {
            let passphrase = passphrase_file.as_deref().map(first_line).transpose()?;
            backup::check_empty(&place.data)?;
            let verified = backup::examine(&from, passphrase.as_deref())?;
            let _lock = lock::take(&place.data)?;
            let store = Settings::store(&place.data, place.database.as_deref()).await?;
            let summary = backup::read(&store, &place.data, &verified).await?;
            let epoch = restore::new_epoch(&store, SystemClock.now()).await;
            let epoch = epoch.context("restored, but not every device has a new set: run fitment-server new-epoch")?;
            let mut said = serde_json::to_value(&summary)?;
            said["epoch"] = epoch.into();
            println!("{said}");
            Ok(())
        }
        Action::Openapi => {
            use utoipa::OpenApi as _;
            println!("{}", api::openapi::Document::openapi().to_pretty_json()?);
            Ok(())
        }
    }
}

/// Reads the first line of a file that holds a secret.
fn first_line(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    file.take(4096).read_to_string(&mut text).with_context(|| path.display().to_string())?;
    let line = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(!line.is_empty(), "{} is empty", path.display());
    Ok(line.to_owned())
}

fn settings(args: ServeArgs) -> anyhow::Result<Settings> {
    let beside = || -> anyhow::Result<PathBuf> {
        let own = std::env::current_exe().context("where is this program?")?;
        Ok(own.parent().context("this program lies in no folder")?.to_owned())
    };
    Ok(Settings {
        data: args.place.data,
        database: args.place.database,
        listen: args.listen,
        agents_listen: args.agents_listen,
        agents_address: args.agents_address,
        metrics_token: args.metrics_token_file.as_deref().map(first_line).transpose()?,
        programs: args.programs.map_or_else(beside, Ok)?,
        connections_may_reach: args.connections_may_reach,
    })
}
