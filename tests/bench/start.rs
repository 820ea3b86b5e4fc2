//! How soon a server is ready: from starting the program until `/readyz` answers 200.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;
use crate::figures::{Sorted, cores, machine, number};

const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);
const BETWEEN_ASKING: Duration = Duration::from_millis(2);
/// A server that needs longer is not slow but stuck.
const READY_WAIT_MAX: Duration = Duration::from_secs(60);

/// Starts a server twice in each of so many new folders: the first start makes database and keys, the second finds them.
pub(crate) fn measure(server: &Path, folders: usize) -> Result<Value, Failure> {
    println!("fitment-server on SQLite, on {}", machine());
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for _ in 0..folders {
        let folder = tempfile::tempdir()?;
        for times in [&mut first, &mut again] {
            times.push(start(server, &folder.path().join("data"))?.as_secs_f64() * 1_000.0);
        }
    }
    let (first, again) = (Sorted::new(first), Sorted::new(again));
    println!("from the start of the program until /readyz answers 200: N = {} of either kind", first.count());
    for (name, times) in [("first start, in an empty folder", &first), ("later start, in the same folder", &again)] {
        println!("  {name}   median {:>7.1} ms   max {:>7.1} ms", times.median(), times.max());
    }
    Ok(json!({
        "n": first.count(),
        "cores": cores(),
        "first_start_ms_median": number(first.median()),
        "first_start_ms_max": number(first.max()),
        "start_ms_median": number(again.median()),
        "start_ms_max": number(again.max()),
    }))
}

fn start(server: &Path, data: &Path) -> Result<Duration, Failure> {
    let mut command = Command::new(server);
    command.args(["serve", "--listen", "127.0.0.1:0", "--agents-listen", "127.0.0.1:0", "--data"]).arg(data);
    command.env("RUST_LOG", "warn").env_remove("FITMENT_DATABASE").stdin(Stdio::null()).stdout(Stdio::piped());
    let started = Instant::now();
    let child = command.spawn().map_err(|e| format!("{} cannot be started: {e}", server.display()))?;
    let mut running = Running(child);
    let address = running.address()?;
    while !is_ready(&address) {
        if started.elapsed() > READY_WAIT_MAX {
            return Err(format!("the server was not ready within {} s", READY_WAIT_MAX.as_secs()).into());
        }
        std::thread::sleep(BETWEEN_ASKING);
    }
    let took = started.elapsed();
    running.stop()?;
    Ok(took)
}

/// A server process that does not outlive this one's interest in it.
struct Running(Child);

impl Running {
    /// Reads the line that says where it listens.
    fn address(&mut self) -> Result<String, Failure> {
        let output = self.0.stdout.as_mut().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let listening = line.strip_prefix("listening ").ok_or("the server did not start; the reason is above")?;
        let listening: Value = serde_json::from_str(listening)?;
        let url = listening["web"].as_str().unwrap_or_default();
        Ok(url.trim_start_matches("http://").to_owned())
    }

    /// Ends it as an administrator would: the next start finds a database that was closed.
    fn stop(&mut self) -> Result<(), Failure> {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        let status = self.0.wait()?;
        if told.success() && status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing to a process that was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status)
    };
    ask().is_ok_and(|status| &status == b"HTTP/1.1 200")
}
