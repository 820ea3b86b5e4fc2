//! A whole platform for one test: a server process of its own, with its own database, keys, ports and accounts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use fitment_domain::signature::PublicKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::databases::Database;
use super::package::{Packing, Parts};
use super::ports::free_port;
use super::programs::program;

/// The password of every account in the tests.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Longest that anything in a test may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The server closes what is silent for 15 seconds: a client lets go earlier.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(5);

/// A server with three accounts: publisher `fitment`, MSP `Acme`, and an operator.
pub(crate) struct Platform {
    server: Option<Child>,
    database: Database,
    folder: TempDir,
    setting: Setting,
    ports: (u16, u16),
    pub(crate) http: reqwest::Client,
    pub(crate) publisher_key: SigningKey,
}

/// What is unlike the usual about one platform.
#[derive(Debug, Default)]
pub(crate) struct Setting {
    /// `host:port` under which agents are told to reach the server.
    pub(crate) agents_address: Option<String>,
    /// The address on which it listens for agents, where that is not the loopback.
    pub(crate) agents_listen: Option<String>,
    /// The server's data folder.
    pub(crate) data: Option<PathBuf>,
    /// Whether connections lead to public addresses alone. By default they may lead to the loopback, where all of it is.
    pub(crate) connections_stay_public: bool,
    /// Further words of `serve`.
    pub(crate) more: Vec<String>,
}

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Session {
    http: reqwest::Client,
    base: String,
    pub(crate) token: String,
}

/// An answer: status and body (null if it is no JSON).
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) request_id: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Reads an answer.
    pub(crate) async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
        let (content_type, request_id) = (header("content-type"), header("x-request-id"));
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Answer { status, content_type, request_id, body })
    }

    /// Returns the body of an answer that must be a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{self:#?}");
        self.body
    }

    /// Returns the code of an answer that must be a problem document.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.content_type, "application/problem+json", "{self:#?}");
        assert!(!self.request_id.is_empty() && self.body["request_id"] == self.request_id, "{self:#?}");
        assert!(self.body["status"] == self.status && self.body["detail"].is_string(), "{self:#?}");
        self.body["code"].as_str().unwrap()
    }
}

impl Platform {
    /// Starts a server on this database, with its accounts and a registered publisher's key.
    pub(crate) async fn start(database: Database) -> Self {
        Self::start_in(database, Setting::default()).await
    }

    /// Starts one that is unlike the usual.
    pub(crate) async fn start_in(database: Database, setting: Setting) -> Self {
        let mut platform = Self {
            server: None,
            database,
            folder: tempfile::tempdir().unwrap(),
            setting,
            ports: (free_port(), free_port()),
            http: http_client(),
            publisher_key: SigningKey::from_bytes(&[7; 32]),
        };
        for (kind, name) in [("publisher", "fitment"), ("msp", "Acme"), ("operator", "Staff")] {
            platform.add_account(kind, name, &format!("{kind}@example.com"));
        }
        platform.serve();
        let key = PublicKey::of(&platform.publisher_key).to_string();
        let publisher = platform.publisher().await;
        publisher.put("/api/v1/publisher/key", json!({ "public_key": key })).await.ok();
        platform
    }

    /// Adds an account by the server's own command line.
    pub(crate) fn add_account(&self, kind: &str, name: &str, email: &str) {
        let mut command = self.server_command();
        command.args(["account", "add", "--data"]).arg(self.data()).args(["--database", &self.database.url]);
        command.args(["--kind", kind, "--name", name, "--email", email, "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn server_command(&self) -> Command {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(program("fitment-server"));
        command.stderr(log);
        command
    }

    /// Returns the data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.setting.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// Returns the file of the server's log.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// Returns the address of the database.
    pub(crate) fn database_url(&self) -> &str {
        &self.database.url
    }

    /// Returns a folder for whatever else the test needs.
    pub(crate) fn scratch(&self) -> &Path {
        self.folder.path()
    }

    fn serve_command(&self) -> Command {
        let mut command = self.server_command();
        command.args(["serve", "--data"]).arg(self.data()).args(["--database", &self.database.url]);
        command.args(["--listen", &format!("127.0.0.1:{}", self.ports.0)]);
        let agents_listen = self.setting.agents_listen.as_deref().unwrap_or("127.0.0.1");
        command.args(["--agents-listen", &format!("{agents_listen}:{}", self.ports.1)]);
        if !self.setting.connections_stay_public {
            command.args(["--connections-may-reach", "127.0.0.0/8,::1/128"]);
        }
        command.args(&self.setting.more);
        if let Some(address) = &self.setting.agents_address {
            command.args(["--agents-address", address]);
        }
        command
    }

    /// Starts the server, on the same ports as before.
    pub(crate) fn serve(&mut self) {
        let mut command = self.serve_command();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = || std::fs::read_to_string(self.log()).unwrap_or_default();
        assert!(line.starts_with("listening "), "the server did not start: {line:?}\n{}", log());
        self.server = Some(child);
    }

    /// Starts the server while its database is away: it does not say where it listens yet.
    pub(crate) fn serve_without_database(&mut self) {
        // The connections of before are gone with the server that had them.
        self.http = http_client();
        self.server = Some(self.serve_command().stdout(Stdio::null()).spawn().unwrap());
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.ports.0)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "nobody listens");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Goes on with another database and data folder, as after a restore.
    pub(crate) fn move_to(&mut self, database: Database, data: PathBuf) {
        // The connections of before are gone with the server that had them.
        self.http = http_client();
        self.database = database;
        self.setting.data = Some(data);
    }

    /// Returns the pid of the server.
    pub(crate) fn pid(&self) -> u32 {
        self.server.as_ref().unwrap().id()
    }

    /// Ends the server as a power cut would: SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Ends the server as an administrator would, and checks that it ends well.
    pub(crate) fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
        assert!(server.wait().unwrap().success(), "the server did not stop gracefully");
    }

    /// Returns the address of the API.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.0)
    }

    /// Returns the address of the agents' listener.
    pub(crate) fn agents_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.1)
    }

    /// Returns somebody who is not signed in.
    pub(crate) fn nobody(&self) -> Session {
        Session { http: self.http.clone(), base: self.url(), token: String::new() }
    }

    /// Signs in by e-mail.
    pub(crate) async fn sign_in(&self, email: &str) -> Session {
        let nobody = self.nobody();
        let answer = nobody.post("/api/v1/sessions", json!({ "email": email, "password": PASSWORD })).await.ok();
        Session { token: answer["token"].as_str().unwrap().to_owned(), ..nobody }
    }

    pub(crate) async fn publisher(&self) -> Session {
        self.sign_in("publisher@example.com").await
    }

    pub(crate) async fn msp(&self) -> Session {
        self.sign_in("msp@example.com").await
    }

    pub(crate) async fn operator(&self) -> Session {
        self.sign_in("operator@example.com").await
    }

    /// Publishes and approves a first-party accessory as it was built.
    pub(crate) async fn publish(&self, name: &str) {
        let parts = Packing::of(name).signed_by(&self.publisher_key);
        self.publish_parts(name, "0.1.0", &parts).await;
    }

    /// Publishes and approves an upload.
    pub(crate) async fn publish_parts(&self, name: &str, version: &str, parts: &Parts) {
        self.publisher().await.upload(parts).await.ok();
        let path = format!("/api/v1/releases/fitment/{name}/{version}/approval");
        self.operator().await.post(&path, json!({})).await.ok();
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.log()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the end of the server's log ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .pool_idle_timeout(IDLE_MAX)
        .timeout(PATIENCE)
        .tls_backend_preconfigured(no_tls())
        .build()
        .unwrap()
}

/// The tests' own client speaks plain HTTP to loopback; it still wants a TLS back end to exist.
pub(crate) fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
}

impl Session {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).json(&body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.http.put(format!("{}{path}", self.base)).json(&body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.http.patch(format!("{}{path}", self.base)).json(&body)).await
    }

    /// Uploads a release.
    pub(crate) async fn upload(&self, parts: &Parts) -> Answer {
        let Parts { component, statement, listing } = parts;
        self.upload_form(&[("component", component), ("statement", statement), ("listing", listing)]).await
    }

    /// Uploads a form with these parts.
    pub(crate) async fn upload_form(&self, parts: &[(&'static str, &[u8])]) -> Answer {
        let mut form = reqwest::multipart::Form::new();
        for (name, bytes) in parts {
            form = form.part(*name, reqwest::multipart::Part::bytes(bytes.to_vec()));
        }
        self.send(self.http.post(format!("{}/api/v1/releases", self.base)).multipart(form)).await
    }

    /// Sends any method with any body.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, format!("{}{path}", self.base));
        self.send(request.header("content-type", content_type).body(body)).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Answer {
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        Answer::read(request.send().await.unwrap()).await.unwrap()
    }

    /// Asks again and again until the answer, whatever its status, is as wanted; panics with the last one if that takes too long.
    pub(crate) async fn answered(&self, path: &str, what: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = self.get(path).await;
            if wanted(&last) {
                return last;
            }
            assert!(Instant::now() < deadline, "waited in vain for: {what}; the last answer of {path}: {last:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks again and again until the body of a good answer is as wanted.
    pub(crate) async fn until(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.answered(path, what, |answer| answer.status == 200 && wanted(&answer.body)).await.body
    }
}
