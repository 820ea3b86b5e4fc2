//! The network between agent and server, for tests that cut it: bytes pass as they are, or do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::platform::PATIENCE;

const PASS: u8 = 0;
const LOSE_NEXT_ANSWER: u8 = 1;
const CUT: u8 = 2;

/// A TCP relay on a port of its own.
pub(crate) struct Cable {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: AtomicU16,
    mode: AtomicU8,
    /// Ends every connection that is open when it changes.
    cuts: watch::Sender<u32>,
}

impl Cable {
    /// Lays a cable that leads nowhere yet.
    pub(crate) async fn lay() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { to: AtomicU16::new(0), mode: AtomicU8::new(PASS), cuts: watch::Sender::new(0) });
        let carrying = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, Arc::clone(&carrying)));
            }
        });
        Self { port, shared }
    }

    /// Returns where agents plug in, `host:port`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Leads to the server at this address.
    pub(crate) fn lead_to(&self, url: &str) {
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        self.shared.to.store(port, Ordering::SeqCst);
    }

    /// Lets the next request through to the server, and is cut the moment the server answers it.
    pub(crate) async fn lose_the_next_answer(&self) {
        self.shared.mode.store(LOSE_NEXT_ANSWER, Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        while self.shared.mode.load(Ordering::SeqCst) != CUT {
            assert!(Instant::now() < deadline, "no answer came that could be lost");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Carries again.
    pub(crate) fn mend(&self) {
        self.shared.mode.store(PASS, Ordering::SeqCst);
    }
}

async fn carry(near: TcpStream, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    if shared.mode.load(Ordering::SeqCst) == CUT {
        return;
    }
    let Ok(far) = TcpStream::connect(("127.0.0.1", shared.to.load(Ordering::SeqCst))).await else { return };
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut asking = tokio::spawn(forward(near_in, far_out));
    tokio::select! {
        () = answer(far_in, near_out, &shared) => {}
        _ = &mut asking => {}
        _ = cuts.changed() => {}
    }
    asking.abort();
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let mode = &shared.mode;
        if mode.compare_exchange(LOSE_NEXT_ANSWER, CUT, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            shared.cuts.send_modify(|cuts| *cuts += 1);
            return;
        }
        if mode.load(Ordering::SeqCst) == CUT || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
