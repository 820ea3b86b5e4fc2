//! `fitment`: the command line of publishers, of MSPs and of the marketplace's operator.

#![expect(unreachable_pub, reason = "in a program `pub` says that other modules use it")]

mod api;
mod cargo;
mod clock;
mod commands;
mod componentize;
mod consent;
mod context;
mod failure;
mod files;
mod key;
mod listing;
mod names;
mod package_files;
mod password;
mod place;
mod profile;
mod project;
mod reference;
mod rules;
mod scaffold;
mod settings;
mod table;
mod testing;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    accounts, alerts, approve, artifacts, attest, audit, build, categories, ceilings, check, clients, connections,
    devices, findings, fit, install, installations, keygen, life, locations, login, new, people, publish, releases,
    requests, series, sign, test, test_tenant, tickets, zero_certificates,
};
use crate::context::Context;
use crate::failure::Failure;

/// Writes, publishes and installs accessories.
///
/// Ends with 0 when done, 1 when refused, 2 when the command line, a file or the network is not as it must be.
/// Keys and profiles lie in FITMENT_HOME [default: ~/.config/fitment].
#[derive(Parser)]
#[command(name = "fitment", version)]
struct Cli {
    /// As whom to act: the name given at `fitment login`
    #[arg(long, global = true, env = "FITMENT_PROFILE", default_value = "default", value_name = "NAME")]
    profile: String,
    /// Print the marketplace's JSON instead of tables
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Publisher: make the key that signs releases
    Keygen(keygen::Arguments),
    /// Sign in to a marketplace and keep the token in a profile
    Login(login::Arguments),
    /// End the sign-in of a profile
    Logout,
    /// Publisher: make the project of a new accessory
    New(new::Arguments),
    /// Publisher: write this version's SDK into a project
    Vendor(new::Vendor),
    /// Publisher: compile an accessory into the one file that runs
    Build(build::Arguments),
    /// Publisher: say on this machine what the marketplace would say
    Check(check::Arguments),
    /// Publisher: run an accessory on simulated devices
    Test(test::Arguments),
    /// Publisher: sign a release
    Sign(sign::Arguments),
    /// Publisher: check, sign and upload releases
    Publish(publish::Arguments),
    /// Publisher: compile a release here, and sign what came of it
    Attest(attest::Arguments),
    /// Compiled code of releases
    #[command(subcommand)]
    Artifacts(artifacts::Command),
    /// List releases, or show one
    Releases {
        #[command(subcommand)]
        command: Option<releases::Command>,
    },
    /// Operator: countersign and publish a release
    Approve(approve::Arguments),
    /// Operator: refuse a release that waits for review
    Reject(life::Notice),
    /// Publisher: warn whoever installs a release
    Deprecate(life::Notice),
    /// Publisher: take a deprecation back
    Undeprecate(life::Back),
    /// Publisher: let nobody install a release any more
    Yank(life::Notice),
    /// Publisher: take a yank back
    Unyank(life::Back),
    /// Publisher: a tenant of one's own, for devices that try releases
    #[command(subcommand)]
    TestTenant(test_tenant::Command),
    /// Operator: the marketplace's accounts
    Accounts {
        #[command(subcommand)]
        command: Option<accounts::Command>,
    },
    /// Operator: what MSPs may let accessories do at most
    Plans {
        #[command(subcommand)]
        command: Option<ceilings::Plans>,
    },
    /// MSP: what accessories may do at most, everywhere, at a client or on a device
    Ceilings {
        #[command(subcommand)]
        command: Option<ceilings::Command>,
    },
    /// MSP: whether devices run code that publisher and marketplace compiled
    CompiledCode {
        #[command(subcommand)]
        choice: Option<artifacts::Choice>,
    },
    /// MSP: its people and what each of them may do
    People {
        #[command(subcommand)]
        command: Option<people::Command>,
    },
    /// Change the own password: the old one and the new one, a line each, on standard input
    Password,
    /// MSP: the certificates with which machines enrol
    #[command(subcommand)]
    ZeroCertificate(zero_certificates::Command),
    /// MSP: clients
    Clients {
        #[command(subcommand)]
        command: Option<clients::Command>,
    },
    /// MSP: locations of clients
    Locations {
        #[command(subcommand)]
        command: Option<locations::Command>,
    },
    /// MSP: devices
    Devices {
        #[command(subcommand)]
        command: Option<devices::Command>,
    },
    /// MSP: which devices an accessory fits, and why not the others
    Fit(fit::Arguments),
    /// MSP: install an accessory
    Install(install::Arguments),
    /// MSP: what is installed
    Installations {
        #[command(subcommand)]
        command: Option<installations::Command>,
    },
    /// MSP: run an installed script on devices, now
    Run(commands::run::Arguments),
    /// MSP: what was run on demand, and what became of it
    Requests {
        #[command(subcommand)]
        command: Option<requests::Command>,
    },
    /// MSP: connections to ticketing systems
    Connections {
        #[command(subcommand)]
        command: Option<connections::Command>,
    },
    /// MSP: what the monitors concluded
    Findings(findings::Arguments),
    /// MSP: samples over time
    Series(series::Arguments),
    /// MSP: alerts
    Alerts {
        #[command(subcommand)]
        command: Option<alerts::Command>,
    },
    /// MSP: tickets
    Tickets {
        #[command(subcommand)]
        command: Option<tickets::Command>,
    },
    /// MSP: categories of tickets
    Categories {
        #[command(subcommand)]
        command: Option<categories::Command>,
    },
    /// MSP: which alerts get which category
    Rules {
        #[command(subcommand)]
        command: Option<commands::rules::Command>,
    },
    /// Who did what
    Audit,
    /// Print what a shell needs to complete this command line
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { profile, json, command } = Cli::parse();
    // The one provider of this program; a second installation would be an error, and there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(&Context { profile, json }, command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Keygen(arguments) => keygen::run(context, &arguments),
        Command::Login(arguments) => login::run(context, &arguments).await,
        Command::Logout => login::log_out(context).await,
        Command::New(arguments) => new::run(context, &arguments).await,
        Command::Vendor(arguments) => new::vendor(context, &arguments),
        Command::Build(arguments) => build::run(context, &arguments),
        Command::Check(arguments) => check::run(context, &arguments).await,
        Command::Test(arguments) => test::run(context, &arguments).await,
        Command::Sign(arguments) => sign::run(context, &arguments),
        Command::Publish(arguments) => publish::run(context, &arguments).await,
        Command::Releases { command } => releases::run(context, command.as_ref()).await,
        Command::Approve(arguments) => approve::run(context, &arguments).await,
        Command::Reject(notice) => life::on(context, &notice, "rejection").await,
        Command::Deprecate(notice) => life::on(context, &notice, "deprecation").await,
        Command::Undeprecate(back) => life::back(context, &back, "deprecation").await,
        Command::Yank(notice) => life::on(context, &notice, "yank").await,
        Command::Unyank(back) => life::back(context, &back, "yank").await,
        Command::TestTenant(command) => test_tenant::run(context, &command).await,
        Command::ZeroCertificate(command) => zero_certificates::run(context, &command).await,
        Command::Clients { command } => clients::run(context, command.as_ref()).await,
        Command::Locations { command } => locations::run(context, command.as_ref()).await,
        Command::Devices { command } => devices::run(context, command.as_ref()).await,
        Command::Fit(arguments) => fit::run(context, &arguments).await,
        Command::Install(arguments) => install::run(context, &arguments).await,
        Command::Installations { command } => installations::run(context, command.as_ref()).await,
        Command::Run(arguments) => commands::run::run(context, &arguments).await,
        Command::Requests { command } => requests::run(context, command.as_ref()).await,
        Command::Connections { command } => connections::run(context, command.as_ref()).await,
        Command::Findings(arguments) => findings::run(context, &arguments).await,
        Command::Series(arguments) => series::run(context, &arguments).await,
        Command::Alerts { command } => alerts::run(context, command.as_ref()).await,
        Command::Tickets { command } => tickets::run(context, command.as_ref()).await,
        Command::Categories { command } => categories::run(context, command.as_ref()).await,
        Command::Rules { command } => commands::rules::run(context, command.as_ref()).await,
        Command::Accounts { command } => accounts::run(context, command.as_ref()).await,
        Command::Plans { command } => ceilings::plans(context, command.as_ref()).await,
        Command::Ceilings { command } => ceilings::run(context, command.as_ref()).await,
        Command::Attest(arguments) => attest::run(context, &arguments).await,
        Command::Artifacts(command) => artifacts::run(context, &command).await,
        Command::CompiledCode { choice } => artifacts::choose(context, choice.as_ref()).await,
        Command::People { command } => people::run(context, command.as_ref()).await,
        Command::Password => accounts::change_password(context).await,
        Command::Audit => audit::run(context).await,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fitment", &mut script);
            let script = String::from_utf8_lossy(&script);
            match context.json {
                true => table::json(&serde_json::json!({ "shell": shell.to_string(), "script": script })),
                false => table::line(script.trim_end()),
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
