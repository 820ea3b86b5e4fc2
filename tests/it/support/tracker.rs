//! A real Request Tracker, with a client for its own REST.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::ports::free_port;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/real/request-tracker.sh");

/// A Request Tracker of this test's own.
pub(crate) struct Tracker {
    folder: TempDir,
    port: u16,
    http: reqwest::Client,
}

impl Tracker {
    /// Sets up and starts a fresh Request Tracker.
    pub(crate) fn start(http: &reqwest::Client) -> Self {
        let port = free_port();
        let tracker = Self { folder: tempfile::tempdir().unwrap(), port, http: http.clone() };
        tracker.script("init");
        tracker.script("start");
        tracker
    }

    fn instance(&self) -> PathBuf {
        self.folder.path().join("rt")
    }

    /// Runs one step of the script: init, start, stop, wipe.
    pub(crate) fn script(&self, action: &str) {
        let mut command = Command::new("bash");
        command.args([SCRIPT, action]).arg(self.instance());
        if matches!(action, "init" | "start" | "env") {
            command.arg(self.port.to_string());
        }
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "Request Tracker comes from Debian's package request-tracker5 (`cargo verify` installs it as root); {action} failed:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the token of the connector's account.
    pub(crate) fn token(&self) -> String {
        std::fs::read_to_string(self.instance().join("fitment-token")).unwrap().trim().to_owned()
    }

    fn technician_token(&self) -> String {
        std::fs::read_to_string(self.instance().join("technician-token")).unwrap().trim().to_owned()
    }

    /// Asks Request Tracker's own REST.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/REST/2.0/{path}", self.url()));
        let request = request.header("authorization", format!("token {}", self.token()));
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Returns the ids of all tickets that carry this external reference, whatever their status.
    pub(crate) async fn tickets_with(&self, reference: &str) -> Vec<String> {
        let query = format!("CF.{{FitmentReference}} = '{reference}'");
        let request = self.http.get(format!("{}/REST/2.0/tickets", self.url())).query(&[("query", query)]);
        let request = request.header("authorization", format!("token {}", self.token()));
        let found: Value = request.send().await.unwrap().json().await.unwrap();
        let items = found["items"].as_array().unwrap();
        items.iter().map(|item| item["id"].as_str().map_or_else(|| item["id"].to_string(), str::to_owned)).collect()
    }

    /// Returns the comments on a ticket, the oldest first.
    pub(crate) async fn comments(&self, ticket: &str) -> Vec<String> {
        let history = self.get(&format!("ticket/{ticket}/history?fields=Type&per_page=100")).await;
        let items = history["items"].as_array().unwrap().iter().filter(|item| item["Type"] == "Comment");
        let mut comments = Vec::new();
        for item in items {
            let path = format!("transaction/{}/attachments?fields=Content", item["id"].as_str().unwrap());
            let attachments = self.get(&path).await;
            comments.push(attachments["items"][0]["Content"].as_str().unwrap().to_owned());
        }
        comments
    }

    /// The administrator withdraws the connector's token.
    pub(crate) fn withdraw_token(&self) {
        self.sql("update AuthTokens set Owner = -Owner where Description like 'Fitment%'");
    }

    /// The administrator gives it back.
    pub(crate) fn give_token_back(&self) {
        self.sql("update AuthTokens set Owner = -Owner where Owner < 0");
    }

    fn sql(&self, statement: &str) {
        let database = self.instance().join("var/rt.sqlite");
        let status =
            Command::new("sqlite3").args(["-cmd", ".timeout 10000"]).arg(database).arg(statement).status().unwrap();
        assert!(status.success(), "sqlite3 failed");
    }

    /// A technician changes fields of a ticket.
    pub(crate) async fn technician_sets(&self, ticket: &str, fields: Value) {
        let request = self.http.put(format!("{}/REST/2.0/ticket/{ticket}", self.url()));
        let request = request.header("authorization", format!("token {}", self.technician_token()));
        let answer = request.json(&fields).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    }

    /// Counts all changes that Request Tracker ever recorded on tickets.
    pub(crate) fn transactions(&self) -> u32 {
        let database = self.instance().join("var/rt.sqlite");
        let mut command = Command::new("sqlite3");
        command.args(["-readonly", "-cmd", ".timeout 10000"]).arg(database);
        let output = command.arg("select count(*) from Transactions where ObjectType = 'RT::Ticket'").output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    /// A technician makes a ticket by hand, and gets its number.
    pub(crate) async fn technician_creates(&self, queue: &str, subject: &str) -> String {
        let request = self.http.post(format!("{}/REST/2.0/ticket", self.url()));
        let request = request.header("authorization", format!("token {}", self.technician_token()));
        let body = json!({ "Queue": queue, "Subject": subject, "Content": "by hand", "ContentType": "text/plain" });
        let made: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
        made["id"].as_str().map_or_else(|| made["id"].to_string(), str::to_owned)
    }

    /// A technician comments on a ticket.
    pub(crate) async fn technician_comments(&self, ticket: &str, text: &str) {
        let request = self.http.post(format!("{}/REST/2.0/ticket/{ticket}/comment", self.url()));
        let request = request.header("authorization", format!("token {}", self.technician_token()));
        let answer = request.json(&json!({ "Content": text, "ContentType": "text/plain" })).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201, "{}", answer.text().await.unwrap());
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        let _ = Command::new("bash").args([SCRIPT, "stop"]).arg(self.instance()).output();
    }
}
