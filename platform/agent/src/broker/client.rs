//! The supervisor's side: a broker is started when it is asked for the first time, again if it died, and beside another one while that
//! is busy.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fitment_domain::act::{Act, Done};
use fitment_domain::id::InstallationId;
use fitment_domain::look::{Look, Seen};
use fitment_domain::run::{Fault, decode_frame, encode_frame, frame_length};
use fitment_domain::signature::Envelope;
use fitment_runner_client::{Acts, CallLimits};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;

use super::wire::{ANSWER_BYTES_MAX, ASKED_BYTES_MAX, Answer, Asked, Right, What};
use crate::signed_set::SignedSet;

/// Questions under way at a time, each in a process of its own: as many as runs are let in at a time.
const AT_A_TIME_MAX: usize = 4;
/// Processes that stay when nothing is asked.
const IDLE_MAX: usize = 2;
/// How much longer than what is asked its answer may take, and how long a broker may take to end.
const OVERSHOOT_MAX: Duration = Duration::from_secs(2);

/// Asks the broker process.
pub struct Broker {
    program: PathBuf,
    state: PathBuf,
    places: Semaphore,
    idle: Mutex<Vec<Running>>,
}

struct Running {
    input: ChildStdin,
    output: ChildStdout,
    /// There until this is dropped.
    child: Option<Child>,
}

impl Broker {
    /// Names the folder of `fitment-broker`, and the state folder from which it reads whose orders count.
    pub fn new(programs: &Path, state: &Path) -> std::io::Result<Self> {
        // It is started in the root folder, where a relative path would lead elsewhere.
        let program = std::path::absolute(programs.join("fitment-broker"))?;
        let (places, idle) = (Semaphore::new(AT_A_TIME_MAX), Mutex::default());
        Ok(Self { program, state: std::path::absolute(state)?, places, idle })
    }

    /// Asks for one thing, within the time that its run has left. A failure of the pipe is told by `lost`.
    async fn ask(&self, mut asked: Asked, lost: impl FnOnce(String) -> Fault) -> Result<Answer, Fault> {
        let began = Instant::now();
        // Whoever finds no place is told so while there is time left for an answer: its run is not one that reached a bound.
        let patience = Duration::from_millis(u64::from(asked.wait_ms) / 2);
        let place = tokio::time::timeout(patience, self.places.acquire()).await;
        let _place = place.map_err(|_elapsed| Fault::Failed("the broker is busy: ask again later".to_owned()))?;
        asked.wait_ms = asked.wait_ms.saturating_sub(u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX));
        let frame = encode_frame(&asked).map_err(|e| Fault::Invalid(e.to_string()))?;
        if frame.len() > ASKED_BYTES_MAX {
            return Err(Fault::Exhausted(format!("what is asked has at most {ASKED_BYTES_MAX} bytes")));
        }
        // Taken out while it works: when the run ends first, this future is dropped, and with it a broker whose answer nobody
        // would match with its question.
        let idle = self.idle().pop();
        let mut broker = match idle {
            Some(broker) => broker,
            None => self.start()?,
        };
        let wait = Duration::from_millis(asked.wait_ms.into()).saturating_add(OVERSHOOT_MAX);
        let answered = tokio::time::timeout(wait, broker.ask(&frame)).await;
        match answered {
            Ok(Ok(answer)) => {
                let mut idle = self.idle();
                if idle.len() < IDLE_MAX {
                    idle.push(broker);
                }
                Ok(answer)
            }
            Ok(Err(reason)) => Err(lost(reason)),
            Err(_elapsed) => Err(Fault::TimedOut),
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Running>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an act done under an order.
    async fn act(&self, order: Envelope, act: Act, limits: CallLimits) -> Result<Done, Fault> {
        let asked = Asked { right: Right::Order(order), what: What::Act(act), wait_ms: wait_ms(limits) };
        // What it was doing may have been done: the script's author is told so in words.
        let lost = |reason| Fault::Failed(format!("the broker went away, the act may have been done: {reason}"));
        match self.ask(asked, lost).await? {
            Answer::Act(done) => done,
            other => Err(another(&other)),
        }
    }

    /// Has a look made.
    async fn look(&self, right: Right, look: Look, limits: CallLimits) -> Result<Option<Seen>, Fault> {
        let asked = Asked { right, what: What::Look(look), wait_ms: wait_ms(limits) };
        match self.ask(asked, |reason| Fault::Failed(format!("the broker went away: {reason}"))).await? {
            Answer::Look(seen) => seen.map(Some),
            Answer::ShowSet => Ok(None),
            other => Err(another(&other)),
        }
    }

    fn start(&self) -> Result<Running, Fault> {
        let mut command = Command::new(&self.program);
        command.arg("--state").arg(&self.state).env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let failed = |reason: String| Fault::Failed(format!("{} cannot be started: {reason}", self.program.display()));
        let mut child = command.spawn().map_err(|e| failed(e.to_string()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Running { input, output, child: Some(child) }),
            _ => Err(failed("it has no pipes".to_owned())),
        }
    }
}

/// When nobody waits for it any more, its pipe is closed: it then ends a program that it runs, and itself. One that does not is killed.
impl Drop for Running {
    fn drop(&mut self) {
        if let (Some(mut child), Ok(here)) = (self.child.take(), tokio::runtime::Handle::try_current()) {
            here.spawn(async move {
                let _ = tokio::time::timeout(OVERSHOOT_MAX, child.wait()).await;
            });
        }
    }
}

fn wait_ms(limits: CallLimits) -> u32 {
    u32::try_from(limits.remaining_ms).unwrap_or(u32::MAX)
}

fn another(answer: &Answer) -> Fault {
    let kind = match answer {
        Answer::Act(_) => "an act",
        Answer::Look(_) => "a look",
        Answer::ShowSet => "the wish for a set",
    };
    Fault::Failed(format!("the broker answered with {kind}, which was not asked"))
}

impl Running {
    async fn ask(&mut self, asked: &[u8]) -> Result<Answer, String> {
        let pipe = |error: std::io::Error| error.to_string();
        self.input.write_all(asked).await.map_err(pipe)?;
        let mut header = [0; 4];
        self.output.read_exact(&mut header).await.map_err(pipe)?;
        let mut bytes = vec![0; frame_length(header, ANSWER_BYTES_MAX).map_err(|e| e.to_string())?];
        self.output.read_exact(&mut bytes).await.map_err(pipe)?;
        decode_frame(&bytes).map_err(|e| e.to_string())
    }
}

/// The acts and looks of one order: each is shown to the broker together with it.
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
        Box::pin(self.broker.act(self.order.clone(), act, limits))
    }

    fn look<'a>(&'a self, look: Look, limits: CallLimits) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(async move {
            let seen = self.broker.look(Right::Order(self.order.clone()), look, limits).await?;
            seen.ok_or_else(|| another(&Answer::ShowSet))
        })
    }
}

/// The looks of one installation of the instruction set; it changes nothing.
pub struct ItemLooks {
    broker: Arc<Broker>,
    set: Arc<SignedSet>,
    installation: InstallationId,
}

impl ItemLooks {
    /// Binds the broker to an installation of whatever set counts when it is asked.
    pub fn new(broker: Arc<Broker>, set: Arc<SignedSet>, installation: InstallationId) -> Self {
        Self { broker, set, installation }
    }

    async fn see(&self, look: Look, limits: CallLimits) -> Result<Seen, Fault> {
        let (set, envelope) =
            self.set.get().ok_or_else(|| Fault::Failed("no instruction set counts here".to_owned()))?;
        let right = |shown| Right::Item { set: set.clone(), shown, installation: self.installation.clone() };
        if let Some(seen) = self.broker.look(right(None), look.clone(), limits).await? {
            return Ok(seen);
        }
        let seen = self.broker.look(right(Some(Envelope::clone(&envelope))), look, limits).await?;
        seen.ok_or_else(|| another(&Answer::ShowSet))
    }
}

impl Acts for ItemLooks {
    fn act<'a>(&'a self, _act: Act, _limits: CallLimits) -> BoxFuture<'a, Result<Done, Fault>> {
        Box::pin(async { Err(Fault::Unsupported("acts of what runs on a schedule".to_owned())) })
    }

    fn look<'a>(&'a self, look: Look, limits: CallLimits) -> BoxFuture<'a, Result<Seen, Fault>> {
        Box::pin(self.see(look, limits))
    }
}
