//! A real agent process.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::platform::{PATIENCE, Platform, Session};
use super::programs::program;

/// An agent with a state folder of its own.
pub(crate) struct Agent {
    process: Option<Child>,
    folder: PathBuf,
    bundle: PathBuf,
    location: Option<String>,
    programs: Option<PathBuf>,
}

impl Agent {
    /// Issues a zero certificate, starts an agent with it, and waits until it is enrolled. Returns its device id too.
    pub(crate) async fn enrol(platform: &Platform, msp: &Session, name: &str) -> (Self, String) {
        let known = devices(msp).await;
        let bundle = msp.post("/api/v1/zero-certificates", json!({})).await.ok()["bundle"].clone();
        let agent = Self::start(platform.scratch(), name, &bundle);
        let list = msp.until("/api/v1/devices", "the device enrols", |body| {
            body["devices"].as_array().unwrap().len() > known.len()
        });
        let list = list.await;
        let ids = list["devices"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap().to_owned());
        let id = ids.into_iter().find(|id| !known.contains(id)).unwrap();
        (agent, id)
    }

    /// Starts an agent with a zero bundle.
    pub(crate) fn start(scratch: &Path, name: &str, bundle: &Value) -> Self {
        Self::start_at(scratch, name, bundle, None)
    }

    /// Starts one that is told where it stands.
    pub(crate) fn start_at(scratch: &Path, name: &str, bundle: &Value, location: Option<&str>) -> Self {
        let folder = scratch.join(name);
        let path = scratch.join(format!("{name}.zero.json"));
        std::fs::write(&path, bundle.to_string()).unwrap();
        let location = location.map(str::to_owned);
        let mut agent = Self { process: None, folder, bundle: path, location, programs: None };
        agent.run();
        agent
    }

    /// Starts one whose runner and compiler lie in a folder of its own.
    pub(crate) fn start_with(scratch: &Path, name: &str, bundle: &Value, programs: &Path) -> Self {
        let path = scratch.join(format!("{name}.zero.json"));
        std::fs::write(&path, bundle.to_string()).unwrap();
        let (folder, programs) = (scratch.join(name), Some(programs.to_owned()));
        let mut agent = Self { process: None, folder, bundle: path, location: None, programs };
        agent.run();
        agent
    }

    /// Starts the process, on the state that is there.
    pub(crate) fn run(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(program("fitment-agent"));
        command.args(["run", "--state"]).arg(&self.folder).arg("--bundle").arg(&self.bundle);
        if let Some(programs) = &self.programs {
            command.arg("--programs").arg(programs);
        }
        command.args(self.location.iter().flat_map(|location| ["--location", location]));
        self.process = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Returns the state folder.
    pub(crate) fn state(&self) -> &Path {
        &self.folder
    }

    /// Returns the number of its process, which runs.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Returns the file of its log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.with_extension("log")
    }

    /// Returns what it wrote to its log so far.
    pub(crate) fn log_text(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Starts the process once more, without what the one before said of itself.
    pub(crate) fn run_again(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("status.json"));
        self.run();
    }

    /// Returns whether the process still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Returns what it says of itself; null before it said anything.
    pub(crate) fn status(&self) -> Value {
        let text = std::fs::read(self.folder.join("status.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or(Value::Null)
    }

    /// Waits until it says of itself what is wanted.
    pub(crate) async fn until_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status();
            if wanted(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "waited in vain for: {what}; the last status: {status:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it as a power cut would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            let log = self.log_text();
            let tail: Vec<&str> = log.lines().rev().take(25).collect();
            eprintln!("--- the end of the agent's log ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

async fn devices(msp: &Session) -> Vec<String> {
    let list = msp.get("/api/v1/devices").await.ok();
    list["devices"].as_array().unwrap().iter().map(|d| d["id"].as_str().unwrap().to_owned()).collect()
}
