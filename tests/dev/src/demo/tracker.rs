//! The real Request Tracker: started for this demo, and asked by it for the ticket, past everything of ours.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::guard::Guard;
use super::http;
use super::state::State;
use super::wait::wait;
use crate::progress::Reporter;
use crate::workspace::Workspace;

const NAME: &str = "request-tracker";
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// The custom field that the connector writes our reference into.
const REFERENCE_FIELD: &str = "FitmentReference";

/// A Request Tracker that runs.
pub(crate) struct Tracker {
    pub(crate) url: String,
    pub(crate) version: String,
    /// Where the connector's token is.
    pub(crate) token_file: PathBuf,
    port: u16,
}

/// A ticket as Request Tracker itself shows it.
pub(crate) struct Found {
    pub(crate) number: u64,
    pub(crate) subject: String,
    pub(crate) status: String,
    pub(crate) references: Vec<String>,
}

impl Tracker {
    /// Makes an instance in the demo's folder and starts it on a free port.
    pub(crate) fn start(
        guard: &mut Guard,
        workspace: &Workspace,
        state: &State,
        reporter: &mut Reporter,
    ) -> Result<Self> {
        let folder = state.path("rt");
        let port = free_port()?;
        let script = workspace.root.join("tests/real/request-tracker.sh");
        let mut command = Command::new("sh");
        command.args(["-c", r#""$0" init "$1" "$2" && exec "$0" start "$1" "$2""#]).arg(script);
        command.arg(&folder).arg(port.to_string());
        guard.spawn(state, NAME, &command)?;
        let status = wait(reporter, "the end of its start", START_TIMEOUT, || match guard.ended(NAME)? {
            Some(status) => Ok(Ok(status)),
            None => Ok(Err("database, users and queues are made, then it starts".to_owned())),
        })?;
        guard.finish(NAME, status)?;
        let url = format!("http://127.0.0.1:{port}");
        let mut tracker = Self { url, version: String::new(), token_file: folder.join("fitment-token"), port };
        let about = tracker.get("/rt")?;
        tracker.version = about["Version"].as_str().context("Request Tracker does not say its version")?.to_owned();
        Ok(tracker)
    }

    /// Looks for the one ticket that a query in Request Tracker's own language finds.
    pub(crate) fn look(&self, query: &str) -> Result<Option<Found>> {
        let page = self.get(&format!("/tickets?query={}", http::encoded(query)))?;
        let ids: Vec<u64> =
            page["items"].as_array().into_iter().flatten().filter_map(|item| number(&item["id"])).collect();
        match *ids.as_slice() {
            [] => Ok(None),
            [id] => self.ticket(id).map(Some),
            _ => bail!("Request Tracker holds {} tickets where one had to be: {ids:?}", ids.len()),
        }
    }

    fn ticket(&self, id: u64) -> Result<Found> {
        let ticket = self.get(&format!("/ticket/{id}"))?;
        let text = |member: &str| ticket[member].as_str().unwrap_or_default().to_owned();
        let fields = ticket["CustomFields"].as_array().into_iter().flatten();
        let values =
            fields.filter(|field| field["name"] == REFERENCE_FIELD).flat_map(|field| field["values"].as_array());
        let references = values.flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        Ok(Found { number: id, subject: text("Subject"), status: text("Status"), references })
    }

    fn get(&self, path: &str) -> Result<Value> {
        let token = std::fs::read_to_string(&self.token_file).context("Request Tracker's token is not there")?;
        let path = format!("/REST/2.0{path}");
        let answer = http::send(self.port, "GET", &path, &format!("token {}", token.trim()))?;
        if answer.status != 200 {
            bail!("Request Tracker answers {path} with status {}", answer.status);
        }
        serde_json::from_str(&answer.body).with_context(|| format!("Request Tracker answers {path} without JSON"))
    }
}

/// Returns the query for what carries a text in its subject.
pub(crate) fn by_subject(text: &str) -> String {
    format!("Subject LIKE '{text}'")
}

/// Request Tracker writes numbers now as numbers, now as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn free_port() -> Result<u16> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on the loopback")?;
    Ok(socket.local_addr()?.port())
}
