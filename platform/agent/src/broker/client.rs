//! The supervisor's side: the broker is started when the first act is asked, and again if it died.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::act::{Act, Done};
use fitment_domain::run::{Fault, decode_frame, encode_frame, frame_length};
use fitment_domain::signature::Envelope;
use fitment_runner_client::{Acts, CallLimits};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use super::wire::{ANSWER_BYTES_MAX, ASKED_BYTES_MAX, Asked};

/// How much longer than the act itself its answer may take.
const OVERSHOOT_MAX: Duration = Duration::from_secs(2);

/// Asks the broker process.
pub struct Broker {
    program: PathBuf,
    state: PathBuf,
    /// One act at a time: the next one waits.
    running: Mutex<Option<Running>>,
}

struct Running {
    input: ChildStdin,
    output: ChildStdout,
    /// Killed when it is dropped.
    _child: Child,
}

impl Broker {
    /// Names the folder of `fitment-broker`, and the state folder from which it reads whose orders count.
    pub fn new(programs: &Path, state: &Path) -> std::io::Result<Self> {
        // It is started in the root folder, where a relative path would lead elsewhere.
        let program = std::path::absolute(programs.join("fitment-broker"))?;
        Ok(Self { program, state: std::path::absolute(state)?, running: Mutex::new(None) })
    }

    /// Has an act done under an order, within the time that its run has left.
    pub async fn act(&self, order: Envelope, act: Act, remaining_ms: u64) -> Result<Done, Fault> {
        let wait_ms = u32::try_from(remaining_ms).unwrap_or(u32::MAX);
        let asked = encode_frame(&Asked { order, act, wait_ms }).map_err(|e| Fault::Invalid(e.to_string()))?;
        if asked.len() > ASKED_BYTES_MAX {
            return Err(Fault::Exhausted(format!("order and act have at most {ASKED_BYTES_MAX} bytes together")));
        }
        let mut running = self.running.lock().await;
        // Taken out while it works: when the run ends first, this future is dropped, and with it a broker whose answer nobody
        // would match with its question.
        let mut broker = match running.take() {
            Some(broker) => broker,
            None => self.start()?,
        };
        let wait = Duration::from_millis(remaining_ms).saturating_add(OVERSHOOT_MAX);
        let answered = tokio::time::timeout(wait, broker.ask(&asked)).await;
        match answered {
            Ok(Ok(answer)) => {
                *running = Some(broker);
                answer
            }
            // What it was doing may have been done: the script's author is told so in words.
            Ok(Err(reason)) => {
                Err(Fault::Failed(format!("the broker went away, the act may have been done: {reason}")))
            }
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }

    fn start(&self) -> Result<Running, Fault> {
        let mut command = Command::new(&self.program);
        command.arg("--state").arg(&self.state).env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let failed = |reason: String| Fault::Failed(format!("{} cannot be started: {reason}", self.program.display()));
        let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Running { input, output, _child: child }),
            _ => Err(failed("it has no pipes".to_owned())),
        }
    }
}

impl Running {
    async fn ask(&mut self, asked: &[u8]) -> Result<Result<Done, Fault>, String> {
        let pipe = |error: std::io::Error| error.to_string();
        self.input.write_all(asked).await.map_err(pipe)?;
        let mut header = [0; 4];
        self.output.read_exact(&mut header).await.map_err(pipe)?;
        let mut bytes = vec![0; frame_length(header, ANSWER_BYTES_MAX).map_err(|e| e.to_string())?];
        self.output.read_exact(&mut bytes).await.map_err(pipe)?;
        decode_frame(&bytes).map_err(|e| e.to_string())
    }
}

/// The acts of one order: each is shown to the broker together with it.
pub struct OrderActs {
    broker: Arc<Broker>,
    order: Envelope,
}

impl OrderActs {
    /// Binds the broker to an order as the server signed it.
    pub fn new(broker: Arc<Broker>, order: Envelope) -> Self {
        Self { broker, order }
    }
}

impl Acts for OrderActs {
    fn act<'a>(&'a self, act: Act, limits: CallLimits) -> BoxFuture<'a, Result<Done, Fault>> {
        Box::pin(self.broker.act(self.order.clone(), act, limits.remaining_ms))
    }
}
