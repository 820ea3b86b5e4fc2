//! Devices of their own: containers of Debian, each with a running systemd and an address.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::calls::quoted;
use super::state::State;
use crate::workspace::Workspace;

/// Where the script is that starts and stops them.
pub(crate) const SCRIPT: &str = "tests/real/devices.sh";
/// The agent as an installer leaves it: a unit that runs it as root.
const AGENT: &str = "[Unit]\nDescription=Fitment agent\n\n[Service]\n\
    ExecStart=/opt/fitment/fitment-agent run --state /var/lib/fitment --bundle /etc/fitment.json\n";

/// One container. The guard stops it by its folder, `device-NAME` in the demo's.
#[derive(Clone)]
pub(crate) struct Host {
    script: PathBuf,
    folder: PathBuf,
    pub(crate) name: &'static str,
    /// Its own address.
    pub(crate) address: String,
    /// This machine's address, as it sees it.
    pub(crate) gateway: String,
}

impl Host {
    /// Starts one, which is called `name`.
    pub(crate) fn start(workspace: &Workspace, state: &State, name: &'static str) -> Result<Self> {
        let folder = state.path(&format!("device-{name}"));
        let script = workspace.root.join(SCRIPT);
        let mut host = Self { script, folder, name, address: String::new(), gateway: String::new() };
        let mut command = host.command("start");
        command.arg(workspace.program("fitment-agent").parent().context("the programs lie nowhere")?);
        let said = finish(command, name)?;
        let mut words = said.split_whitespace().map(str::to_owned);
        (host.address, host.gateway) = words.next().zip(words.next()).context("devices.sh names no addresses")?;
        host.run(&format!("hostname {name}"))?;
        Ok(host)
    }

    fn command(&self, action: &str) -> Command {
        let mut command = Command::new("bash");
        command.arg(&self.script).arg(action).arg(&self.folder);
        command
    }

    /// Runs a shell's line in it, and returns what it printed.
    pub(crate) fn run(&self, line: &str) -> Result<String> {
        let mut command = self.command("run");
        command.args(["sh", "-c", line]);
        finish(command, line).with_context(|| format!("on {}", self.name))
    }

    /// Returns what a person types to run a command in it.
    pub(crate) fn by_hand(&self, command: &str) -> String {
        format!("{} run {} {command}", quoted(&self.script.to_string_lossy()), quoted(&self.folder.to_string_lossy()))
    }

    /// Starts a service of this name that only waits.
    pub(crate) fn add_service(&self, unit: &str) -> Result<()> {
        let text = format!("[Unit]\nDescription={unit}\n\n[Service]\nExecStart=/bin/sleep infinity\n");
        self.write(&format!("/etc/systemd/system/{unit}"), &text)?;
        self.run(&format!("systemctl daemon-reload && systemctl start {unit}")).map(|_| ())
    }

    /// Returns what its systemd says of a unit.
    pub(crate) fn is_active(&self, unit: &str) -> Result<String> {
        self.run(&format!("systemctl is-active {unit} || true"))
    }

    /// Starts the agent as a service of it.
    pub(crate) fn enrol(&self, bundle: &PathBuf) -> Result<()> {
        let bundle = fs::read_to_string(bundle).context("there is no zero certificate")?;
        self.write("/etc/fitment.json", &bundle)?;
        self.write("/etc/systemd/system/fitment-agent.service", AGENT)?;
        self.run("systemctl daemon-reload && systemctl start fitment-agent").map(|_| ())
    }

    fn write(&self, path: &str, contents: &str) -> Result<()> {
        use std::io::Write as _;
        let mut command = self.command("run");
        command.args(["tee", path]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().context("cannot start bash")?;
        child.stdin.take().context("tee takes no input")?.write_all(contents.as_bytes())?;
        if child.wait()?.success() { Ok(()) } else { bail!("{path} is not written on {}", self.name) }
    }
}

fn finish(mut command: Command, what: &str) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("cannot start bash")?;
    if !output.status.success() {
        bail!("{what}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
