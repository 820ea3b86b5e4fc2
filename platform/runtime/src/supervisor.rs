//! The way to the supervisor: frames out, and the calls that wait for its reply.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fitment_domain::run::{FromRunner, HostReply, HostRequest, RunNumber};
use tokio::sync::{mpsc, oneshot};

type CallKey = (RunNumber, u64);

/// Sends frames to the supervisor and hands its replies to the runs that wait.
#[derive(Clone)]
pub struct Supervisor(Arc<Inner>);

struct Inner {
    frames: mpsc::UnboundedSender<FromRunner>,
    waiting: Mutex<HashMap<CallKey, oneshot::Sender<HostReply>>>,
    next_call: AtomicU64,
    process_started: Instant,
}

impl Supervisor {
    /// Makes the way, and the end from which a writer takes the frames.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<FromRunner>) {
        let (frames, outgoing) = mpsc::unbounded_channel();
        let inner =
            Inner { frames, waiting: Mutex::default(), next_call: AtomicU64::new(0), process_started: Instant::now() };
        (Self(Arc::new(inner)), outgoing)
    }

    /// Sends one frame. When the supervisor is gone, so is this process soon: nothing waits for it.
    pub fn send(&self, frame: FromRunner) {
        let _ = self.0.frames.send(frame);
    }

    /// Hands a reply to the run that waits; a reply that nobody waits for came too late and is dropped.
    pub fn reply(&self, run: RunNumber, call: u64, reply: HostReply) {
        if let Some(waiting) = self.waiting().remove(&(run, call)) {
            let _ = waiting.send(reply);
        }
    }

    pub(crate) fn process_started(&self) -> Instant {
        self.0.process_started
    }

    /// Asks the supervisor and waits. `None`: it is gone.
    pub(crate) async fn call(&self, run: RunNumber, request: HostRequest) -> Option<HostReply> {
        let call = self.0.next_call.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.waiting().insert((run, call), answer);
        // Taken out again when this future is dropped: a run that timed out waits for nothing.
        let _guard = Forget { supervisor: self, key: (run, call) };
        self.send(FromRunner::Call { run, call, request });
        answered.await.ok()
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<CallKey, oneshot::Sender<HostReply>>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Forget<'a> {
    supervisor: &'a Supervisor,
    key: CallKey,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.supervisor.waiting().remove(&self.key);
    }
}
