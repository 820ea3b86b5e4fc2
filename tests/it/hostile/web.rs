//! Servers on the loopback that count who came.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::lab::PATIENCE;

/// What a server does with a request.
#[derive(Clone)]
pub(super) enum Manner {
    /// Takes it and never answers.
    Silent,
    /// Sends it back: whole as the body, and its `authorization` as a header.
    Echo,
    /// Sends elsewhere.
    Redirect(String),
}

/// A server on a port of its own.
pub(super) struct Web {
    pub(super) port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

/// How a connection begins that only counts the others; its port follows.
const KNOCK: &str = "knock ";

impl Web {
    /// Starts a server.
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&heads);
        tokio::spawn(async move {
            // One after the other: who knocks last is heard last.
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let head = read_head(&mut stream).await;
                heard.lock().unwrap().push(head.clone());
                match answer(&manner, &head) {
                    Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap_or_default(),
                    None => open.push(stream),
                }
            }
        });
        Self { port, heads }
    }

    pub(super) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the heads of all requests until now. A connection of our own comes last, so none is still on its way.
    pub(super) async fn heard(&self) -> Vec<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let knock = format!("{KNOCK}{}\r\n\r\n", stream.local_addr().unwrap().port());
        stream.write_all(knock.as_bytes()).await.unwrap();
        let waited_since = Instant::now();
        loop {
            let mut heads = self.heads.lock().unwrap().clone();
            if heads.contains(&knock) {
                heads.retain(|head| !head.starts_with(KNOCK));
                return heads;
            }
            assert!(waited_since.elapsed() < PATIENCE, "the server hears nothing: {heads:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut part = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(bytes) => head.extend_from_slice(&part[..bytes]),
        }
    }
    String::from_utf8(head).unwrap()
}

/// The end of the connection is the end of the body: the one header is then the first.
fn answer(manner: &Manner, head: &str) -> Option<String> {
    match manner {
        Manner::Silent => None,
        Manner::Echo => {
            let sent = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or("nothing");
            Some(format!("HTTP/1.1 200 OK\r\nx-echo: {sent}\r\n\r\n{head}"))
        }
        Manner::Redirect(to) => Some(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n\r\n")),
    }
}
