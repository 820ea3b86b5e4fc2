//! What stands between the server and the other system, for tests that need to know what was said and when: plain HTTP, one
//! exchange a connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::platform::PATIENCE;

/// A relay on a port of its own.
pub(crate) struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    seen: Mutex<Vec<Exchange>>,
    trap: Mutex<Option<Trap>>,
    /// Nothing passes.
    held: AtomicBool,
    /// Milliseconds that each request waits.
    delay_ms: AtomicU64,
}

/// One request and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// What is waited for, and who dies then.
struct Trap {
    method: &'static str,
    path: String,
    status: u16,
    pid: u32,
}

impl Relay {
    /// Stands before this port.
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (held, delay_ms) = (AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { to: port, seen: Mutex::default(), trap: Mutex::default(), held, delay_ms });
        let relaying = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let shared = Arc::clone(&relaying);
                // Somebody who goes away in the middle is what these tests are about.
                tokio::spawn(async move { exchange(near, &shared).await.unwrap_or_default() });
            }
        });
        Self { port: own, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Kills this process, once, when such a request is answered with this status, before anything of the answer is passed on.
    pub(crate) fn kill_at(&self, method: &'static str, path: &str, status: u16, pid: u32) {
        *self.shared.trap.lock().unwrap() = Some(Trap { method, path: path.to_owned(), status, pid });
    }

    /// Lets nothing pass, or everything again.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::SeqCst);
    }

    /// Lets each request wait for so many milliseconds.
    pub(crate) fn delay(&self, delay_ms: u64) {
        self.shared.delay_ms.store(delay_ms, Ordering::SeqCst);
    }

    /// Waits until it killed.
    pub(crate) async fn killed(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.shared.trap.lock().unwrap().is_some() {
            assert!(Instant::now() < deadline, "what was waited for was never said: {:#?}", self.seen());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Returns all that was said, the oldest first.
    pub(crate) fn seen(&self) -> Vec<Exchange> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Counts the requests of this method and path that had this status.
    pub(crate) fn count(&self, method: &str, path: &str, status: u16) -> usize {
        self.seen().iter().filter(|e| (e.method.as_str(), e.path.as_str(), e.status) == (method, path, status)).count()
    }
}

async fn exchange(mut near: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(request) = read_request(&mut near).await? else { return Ok(()) };
    if shared.held.load(Ordering::SeqCst) {
        return Ok(());
    }
    tokio::time::sleep(Duration::from_millis(shared.delay_ms.load(Ordering::SeqCst))).await;
    let mut far = TcpStream::connect(("127.0.0.1", shared.to)).await?;
    let (line, rest) = request.split_at(request.windows(2).position(|two| two == b"\r\n").unwrap_or(0));
    far.write_all(line).await?;
    far.write_all(b"\r\nConnection: close").await?;
    far.write_all(rest).await?;
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split([' ', '?']);
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let status = String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).parse().unwrap_or(0);
    let said = Exchange { method, path, status };
    shared.seen.lock().unwrap().push(said.clone());
    if shared.springs(&said) {
        return Ok(());
    }
    near.write_all(&answer).await?;
    near.shutdown().await
}

impl Shared {
    fn springs(&self, said: &Exchange) -> bool {
        let mut trap = self.trap.lock().unwrap();
        let springs =
            trap.as_ref().filter(|t| (t.method, t.path.as_str(), t.status) == (&said.method, &said.path, said.status));
        let Some(pid) = springs.map(|t| t.pid) else { return false };
        let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        assert!(status.unwrap().success());
        *trap = None;
        true
    }
}

/// Reads one request, body included; none if the other side only came to look.
async fn read_request(near: &mut TcpStream) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = near.read(&mut buffer).await?;
        if length == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..length]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
        let body: usize =
            text.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        if bytes.len() >= head + 4 + body {
            return Ok(Some(bytes));
        }
    }
}
