//! The way of an accessory to a device: server, publish, validate, countersign, enrol, fit, install.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::calls::Calls;
use super::guard::Guard;
use super::host::Host;
use super::state::{State, random_hex};
use super::tracker::Tracker;
use super::wait::{STEP_TIMEOUT, wait};
use crate::progress::Reporter;
use crate::workspace::Workspace;

const MONITOR: &str = "disk-space";
const CONNECTOR: &str = "request-tracker";
const PUBLISHER: &str = "fitment";
/// Kind, name and e-mail of each account; the kind is also the name of its profile.
const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("publisher", PUBLISHER, "publisher@demo.example"),
    ("operator", "Demo marketplace", "operator@demo.example"),
    (MSP, "Demo MSP", MSP_EMAIL),
];
/// The profile of the service provider.
pub(crate) const MSP: &str = "msp";
/// With what the service provider signs in.
pub(crate) const MSP_EMAIL: &str = "msp@demo.example";

/// A running marketplace of this demo.
pub(crate) struct Market<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) state: &'a State,
    pub(crate) calls: Calls<'a>,
    /// Where the API is.
    pub(crate) url: String,
    pub(crate) msp_password: String,
}

/// A release of an accessory.
pub(crate) struct Release {
    pub(crate) accessory: String,
    pub(crate) version: String,
    pub(crate) digest: String,
}

/// A device that enrolled.
pub(crate) struct Device {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// An accessory on its devices.
pub(crate) struct Installed {
    pub(crate) id: String,
}

impl Release {
    /// Returns `publisher/name@version`.
    pub(crate) fn reference(&self) -> String {
        format!("{}@{}", self.accessory, self.version)
    }
}

impl<'a> Market<'a> {
    /// Makes the accounts, starts the server and signs everybody in.
    ///
    /// Agents are served at `agents`, an address of this machine.
    pub(crate) fn start(
        workspace: &'a Workspace,
        state: &'a State,
        guard: &mut Guard,
        reporter: &mut Reporter,
        agents: &str,
    ) -> Result<Self> {
        let calls = Calls::new(workspace, state);
        let data = state.path("data");
        let mut passwords = Vec::new();
        for (kind, name, email) in ACCOUNTS {
            let password = random_hex()?;
            let mut add = calls.program("fitment-server");
            add.args(["account", "add", "--data"]).arg(&data);
            add.args(["--kind", kind, "--name", name, "--email", email, "--password-stdin"]);
            calls.finish(&mut add, &password)?;
            passwords.push(password);
        }
        let mut serve = calls.program("fitment-server");
        serve.args(["serve", "--data"]).arg(&data);
        serve.args(["--listen", "127.0.0.1:0", "--agents-listen", &format!("{agents}:0")]);
        // The ticketing system of the demo is on this machine.
        serve.args(["--connections-may-reach", "127.0.0.0/8,::1/128"]);
        guard.spawn(state, "server", &serve)?;
        let url = wait(reporter, "the server's address", STEP_TIMEOUT, || {
            guard.all_run()?;
            let said = fs::read_to_string(state.log("server.out")).unwrap_or_default();
            Ok(listening(&said).ok_or_else(|| "the server starts".to_owned()))
        })?;
        for ((kind, _, email), password) in ACCOUNTS.iter().zip(&passwords) {
            let mut login = calls.program("fitment");
            login.args(["--profile", kind, "login", "--url", &url, "--email", email, "--password-stdin"]);
            calls.finish(&mut login, password)?;
        }
        let msp_password = passwords.pop().context("no account")?;
        Ok(Self { workspace, state, calls, url, msp_password })
    }

    /// Signs and uploads the catalogue: the monitor first, then the connector.
    pub(crate) fn publish(&self) -> Result<[Release; 2]> {
        self.calls.ask("publisher", &["keygen"])?;
        Ok([self.publish_one(MONITOR)?, self.publish_one(CONNECTOR)?])
    }

    fn publish_one(&self, name: &str) -> Result<Release> {
        let manifest = self.workspace.root.join("accessories").join(name).join("fitment.toml");
        let manifest = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let version =
            version_of(&manifest).with_context(|| format!("accessories/{name}/fitment.toml names no version"))?;
        let file = self.workspace.target.join(format!("accessories/{PUBLISHER}-{name}-{version}.wasm"));
        let answer = self.calls.ask("publisher", &["publish", &file.to_string_lossy()])?;
        let release = &answer["release"];
        Ok(Release {
            accessory: text(release, "accessory")?,
            version: text(release, "version")?,
            digest: text(release, "digest")?,
        })
    }

    /// Returns what the marketplace's validation says of a release that now awaits its review.
    pub(crate) fn validated(&self, release: &Release) -> Result<String> {
        let shown = self.calls.ask("operator", &["releases", "show", &release.reference()])?;
        ensure!(
            shown["state"] == "in-review",
            "{} is {}, and had to be in review",
            release.reference(),
            shown["state"]
        );
        ensure!(shown["digest"] == release.digest.as_str(), "{} is not what was uploaded", release.reference());
        let problems = shown["problems"].as_array().map_or(&[][..], Vec::as_slice);
        let count = |severity: &str| problems.iter().filter(|problem| problem["severity"] == severity).count();
        let (errors, warnings) = (count("error"), count("warning"));
        ensure!(errors == 0, "{} has {errors} errors and still awaits review", release.reference());
        Ok(format!("{}: no error, {warnings} warnings", release.reference()))
    }

    /// Lets the operator approve a release.
    pub(crate) fn countersign(&self, release: &Release) -> Result<()> {
        let answer = self.calls.ask("operator", &["approve", &release.reference()])?;
        ensure!(answer["state"] == "published", "{} is {} after its approval", release.reference(), answer["state"]);
        ensure!(answer["digest"] == release.digest.as_str(), "{} is not what was uploaded", release.reference());
        Ok(())
    }

    /// Connects the service provider's Request Tracker.
    pub(crate) fn connect(&self, tracker: &Tracker, connector: &Release) -> Result<String> {
        let secret = format!("token=@{}", tracker.token_file.display());
        let connect = ["connections", "add", "--name", "Request Tracker", "--accessory", &connector.accessory];
        let to = ["--url", &tracker.url, "--secret", &secret, "--consent", "http"];
        let answer = self.calls.ask(MSP, &[&connect[..], &to].concat())?;
        let connection = &answer["connection"];
        ensure!(connection["state"] == "ok", "the connection is {}: {}", connection["state"], connection["problem"]);
        Ok(format!("{} through {}", tracker.url, connector.reference()))
    }

    /// Starts an agent on this machine and one on each host, which enrol; returns this machine first, then the hosts in order.
    pub(crate) fn enrol(&self, guard: &mut Guard, reporter: &mut Reporter, hosts: &[Host]) -> Result<Vec<Device>> {
        let (bundle, all) = (self.state.path("zero.json"), hosts.len() + 1);
        let uses = all.to_string();
        self.calls.ask(MSP, &["zero-certificate", "new", "--uses-max", &uses, "--out", &bundle.to_string_lossy()])?;
        let mut agent = self.calls.program("fitment-agent");
        agent.args(["run", "--state"]).arg(self.state.path("agent")).arg("--bundle").arg(&bundle);
        guard.spawn(self.state, "agent", &agent)?;
        for host in hosts {
            host.enrol(&bundle)?;
        }
        wait(reporter, "the devices", STEP_TIMEOUT, || {
            guard.all_run()?;
            let answer = self.calls.ask(MSP, &["devices"])?;
            let there = rows(&answer, "devices");
            if there.len() < all {
                return Ok(Err(format!("{} of {all} are there", there.len())));
            }
            let place = |name: &str| hosts.iter().position(|host| host.name == name).map_or(0, |at| at + 1);
            let read = |device| Ok(Device { id: text(device, "id")?, name: text(device, "name")? });
            let mut devices = there.iter().map(read).collect::<Result<Vec<Device>>>()?;
            devices.sort_by_key(|device| place(&device.name));
            Ok(Ok(devices))
        })
    }

    /// Returns on how many of the devices the accessory runs.
    pub(crate) fn fit(&self, release: &Release, devices: &[Device]) -> Result<String> {
        let answer = self.calls.ask(MSP, &["fit", &release.reference()])?;
        let (fits, of) = (&answer["fits"], &answer["of"]);
        let refused = rows(&answer, "devices").iter().find(|row| row["fits"] != true);
        ensure!(fits == devices.len() && of == fits, "it fits {fits} of {of} devices: {refused:?}");
        Ok(format!("{fits} of {of} devices"))
    }

    /// Installs a release on one device.
    pub(crate) fn install(&self, release: &Release, device: &Device, how: &[&str]) -> Result<Installed> {
        let reference = release.reference();
        let answer = self.calls.ask(MSP, &[&["install", &reference, "--device", &device.id], how].concat())?;
        let (fits, of) = (&answer["fits"], &answer["of"]);
        ensure!(fits == 1 && of == 1, "it was installed on {fits} of {of} devices");
        Ok(Installed { id: text(&answer["installation"], "id")? })
    }

    /// Publishes an accessory of the catalogue, with everything that has to happen until it can be installed.
    pub(crate) fn released(&self, name: &str) -> Result<Release> {
        let release = self.publish_one(name)?;
        self.validated(&release)?;
        self.countersign(&release)?;
        Ok(release)
    }
}

/// Reads the line that the server prints once it listens.
fn listening(said: &str) -> Option<String> {
    let line = said.lines().find_map(|line| line.strip_prefix("listening "))?;
    let addresses: Value = serde_json::from_str(line).ok()?;
    Some(addresses["web"].as_str()?.to_owned())
}

fn version_of(manifest: &str) -> Option<&str> {
    let value = manifest.lines().find_map(|line| line.strip_prefix("version"))?.trim_start().strip_prefix('=')?;
    value.trim().strip_prefix('"')?.strip_suffix('"')
}

/// Returns a list of an answer; what is absent is empty.
pub(crate) fn rows<'v>(answer: &'v Value, member: &str) -> &'v [Value] {
    answer[member].as_array().map_or(&[], Vec::as_slice)
}

/// Returns a member that must be a text.
pub(crate) fn text(value: &Value, member: &str) -> Result<String> {
    match value[member].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => bail!("the answer lacks {member:?}: {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_its_version() {
        assert_eq!(version_of("[accessory]\nname = \"a/b\"\nversion = \"0.1.0\"\n"), Some("0.1.0"));
    }

    #[test]
    fn the_server_says_where_it_listens() {
        let said = "listening {\"agents\":\"https://127.0.0.1:2\",\"web\":\"http://127.0.0.1:1\"}\n";
        assert_eq!(listening(said).as_deref(), Some("http://127.0.0.1:1"));
    }
}
