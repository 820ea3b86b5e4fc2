//! A real browser: Chromium without a window, told what to do by its driver (W3C WebDriver over HTTP on loopback).

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::platform::{PATIENCE, no_tls};
use super::ports::free_port;

/// One window.
pub(crate) struct Chromium {
    driver: Child,
    http: reqwest::Client,
    session: String,
}

impl Chromium {
    /// Opens a window of 1200 by 800; none if this machine has no Chromium.
    pub(crate) async fn open() -> Self {
        let port = free_port();
        let mut command = Command::new("chromedriver");
        let driver = command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        #[expect(clippy::zombie_processes, reason = "dropped with the driver, which kills and waits")]
        let driver = driver.unwrap_or_else(|e| {
            panic!("chromedriver: {e}: as root, tests/real/apt-install.sh chromium chromium-driver")
        });
        let http = reqwest::Client::builder().timeout(PATIENCE).tls_backend_preconfigured(no_tls()).build().unwrap();
        let base = format!("http://127.0.0.1:{port}");
        // Chromium's own sandbox wants user namespaces, which containers and root often do not have; it loads our pages alone.
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1200,800"];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments }, "goog:loggingPrefs": { "browser": "ALL" } } } });
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(answer) = http.post(format!("{base}/session")).json(&wanted).send().await {
                let body: Value = answer.json().await.unwrap();
                let id = body["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {body:#}"));
                return Self { driver, http, session: format!("{base}/session/{id}") };
            }
            assert!(Instant::now() < deadline, "chromedriver does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn ask(&self, path: &str, body: Option<Value>) -> Value {
        let address = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.http.post(address).json(&body),
            None => self.http.get(address),
        };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer:#}");
        answer["value"].clone()
    }

    /// Loads a page.
    pub(crate) async fn go(&self, address: &str) {
        self.ask("/url", Some(json!({ "url": address }))).await;
    }

    /// Returns the address of the page that is shown.
    pub(crate) async fn address(&self) -> String {
        self.ask("/url", None).await.as_str().unwrap().to_owned()
    }

    /// Presses keys wherever the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })])
            .collect();
        self.ask("/actions", Some(json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] })))
            .await;
    }

    /// Runs a script of the test's own on the page, and returns what it returns.
    pub(crate) async fn evaluate(&self, script: &str) -> Value {
        self.ask("/execute/sync", Some(json!({ "script": script, "args": [] }))).await
    }

    /// Returns what the browser had to complain about since it was asked last: refused scripts, styles, pictures.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.ask("/se/log", Some(json!({ "type": "browser" }))).await;
        log.as_array().unwrap().iter().map(|entry| entry["message"].to_string()).collect()
    }

    async fn command(&self, name: &str, parameters: Value) -> Value {
        self.ask("/goog/cdp/execute", Some(json!({ "cmd": name, "params": parameters }))).await
    }

    /// Makes the window as wide as some screen, in CSS pixels, and as light or dark as its owner likes it.
    pub(crate) async fn screen(&self, width: u32, dark: bool) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        // A picture in the midst of a transition would be of neither.
        let features = [("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")];
        let features: Vec<Value> = features.map(|(name, value)| json!({ "name": name, "value": value })).into();
        let media = json!({ "features": features });
        self.command("Emulation.setScrollbarsHidden", json!({ "hidden": true })).await;
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Takes a picture of the whole page, PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        let taken = self.command("Page.captureScreenshot", json!({ "captureBeyondViewport": true })).await;
        STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
