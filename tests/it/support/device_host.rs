//! A device of its own: a container of Debian with a running systemd and an address. Only root may start one.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::platform::{Platform, Session, Setting};
use super::programs::programs;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/real/devices.sh");
const STATE: &str = "/var/lib/fitment";

/// The agent as an installer leaves it: a unit that runs it as root.
const UNIT: &str = "[Unit]\nDescription=Fitment agent\n\n[Service]\n\
    ExecStart=/opt/fitment/fitment-agent run --state /var/lib/fitment --bundle /etc/fitment.json\n";

/// One container; what it wrote goes with it.
pub(crate) struct DeviceHost {
    folder: TempDir,
    /// The host's address, as the device sees it.
    host: String,
}

impl DeviceHost {
    /// Starts one. Without root it says that the test is skipped; as root it has to work.
    pub(crate) fn start(test: &str) -> Option<Self> {
        if Command::new("id").arg("-u").output().unwrap().stdout != b"0\n" {
            println!("SKIPPED: {test}: needs root to start a container");
            return None;
        }
        let mut device = Self { folder: tempfile::tempdir().unwrap(), host: String::new() };
        let output = device.script("start").arg(programs()).output().unwrap();
        assert!(output.status.success(), "no device (`cargo verify` installs what it needs): {}", text(&output));
        let started = String::from_utf8(output.stdout).unwrap();
        device.host = started.split_whitespace().nth(1).unwrap().to_owned();
        Some(device)
    }

    fn script(&self, action: &str) -> Command {
        let mut command = Command::new("bash");
        command.args([SCRIPT, action]).arg(self.folder.path());
        command
    }

    /// Returns what is unlike the usual about a platform that this device can reach.
    pub(crate) fn setting(&self) -> Setting {
        Setting { agents_listen: Some(self.host.clone()), ..Setting::default() }
    }

    /// Runs a shell's line in it, and returns what it printed.
    #[track_caller]
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.script("run").args(["sh", "-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Writes a file in it.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, contents: &str) {
        let mut command = self.script("run");
        let mut child = command.args(["tee", path]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(contents.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{path} is not written");
    }

    /// Starts a service that sleeps.
    pub(crate) fn add_service(&self, unit: &str) {
        let text = format!("[Unit]\nDescription={unit}\n\n[Service]\nExecStart=/bin/sleep infinity\n");
        self.write(&format!("/etc/systemd/system/{unit}"), &text);
        self.run(&format!("systemctl daemon-reload && systemctl start {unit}"));
    }

    /// Returns the state of a unit and the pid of its main process, as its systemd says.
    pub(crate) fn service(&self, unit: &str) -> (String, String) {
        let state = self.run(&format!("systemctl is-active {unit} || true"));
        (state, self.run(&format!("systemctl show --property MainPID --value {unit}")))
    }

    /// Starts the agent as its service; it enrols. Returns the device's id.
    pub(crate) async fn enrol(&self, msp: &Session) -> String {
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        self.write("/etc/fitment.json", &bundle.to_string());
        self.write("/etc/systemd/system/fitment-agent.service", UNIT);
        self.run("systemctl daemon-reload && systemctl start fitment-agent");
        let is_there = |body: &serde_json::Value| body["devices"].as_array().unwrap().len() == 1;
        let list = msp.until("/api/v1/devices", "the device enrols", is_there).await;
        assert!(self.run(&format!("ls {STATE}")).contains("identity"), "its state is in the container");
        list["devices"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Starts a platform that this device can reach, on SQLite.
    pub(crate) async fn platform(&self) -> Platform {
        Platform::start_in(super::databases::Database::sqlite(), self.setting()).await
    }
}

impl Drop for DeviceHost {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal = self.script("run").args(["journalctl", "-n", "40", "--no-pager"]).output();
            eprintln!("--- the end of the device's journal ---\n{}", journal.map(|o| text(&o)).unwrap_or_default());
        }
        let _ = self.script("stop").output();
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
