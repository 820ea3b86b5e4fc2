//! What this agent is to do: kept across restarts, asked for again and again, and taken only when it is good.

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::instruction::{self, BadInstruction, InstructionSet, SetTime};
use fitment_domain::protocol::{AskInstructions, Availability, InstructionsAnswer};
use fitment_domain::signature::Envelope;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::client::Client;
use crate::files;
use crate::folder::StateFolder;
use crate::identity::Identity;
use crate::orders::Desk;
use crate::problem::{CallError, Problem};
use crate::random::NoRandomness;
use crate::roster::Roster;
use crate::schedule::FirstRun;
use crate::signed_set::SignedSet;
use crate::status::{Board, Topic};
use crate::stop::Stop;
use crate::{clock, random};

const WAIT_MS: u64 = 25_000;
/// While an item waits for its component, the agent looks again soon.
const WAIT_INCOMPLETE_MS: u64 = 1_000;
const ASK_EVERY: Duration = Duration::from_secs(600);
/// A server that does not wait is not asked more often than this.
const POLL_EVERY_MIN: Duration = Duration::from_secs(1);
const SET_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Why an answer about instructions was not taken.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the answer about instructions is refused: {0}")]
    Bad(#[from] BadInstruction),
    #[error("the answer is \"up to date\", but no set runs")]
    NothingToBeUpToDate,
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// The loop that keeps the set current.
pub struct Instructions {
    folder: StateFolder,
    identity: Identity,
    client: Arc<Client>,
    board: Board,
    roster: Roster,
    orders: Desk,
    signed: Arc<SignedSet>,
    have: Option<SetTime>,
    /// The envelope of the set, while the disk does not take it.
    unsaved: Option<Vec<u8>>,
    asked: Option<Instant>,
    backoff: Backoff,
}

impl Instructions {
    /// Makes the loop; it has no set yet.
    pub fn new(
        folder: StateFolder,
        identity: Identity,
        client: Arc<Client>,
        board: Board,
        roster: Roster,
        orders: Desk,
        signed: Arc<SignedSet>,
    ) -> Self {
        Self {
            folder,
            identity,
            client,
            board,
            roster,
            orders,
            signed,
            have: None,
            unsaved: None,
            asked: None,
            backoff: Backoff::default(),
        }
    }

    /// Runs the kept set, then keeps it current until it is time to stop.
    pub async fn run(mut self, mut stop: Stop) {
        let work = async {
            self.run_kept_set().await;
            self.roster.fetch_missing().await;
            loop {
                let began = Instant::now();
                let pause = match self.turn().await {
                    Ok(()) => {
                        self.backoff.reset();
                        POLL_EVERY_MIN.saturating_sub(began.elapsed())
                    }
                    Err(error) => self.tell(&error),
                };
                tokio::time::sleep(pause).await;
            }
        };
        let _: Option<()> = stop.or(work).await;
        self.roster.stop().await;
    }

    async fn run_kept_set(&mut self) {
        let path = self.folder.set();
        let bytes = match files::read_bounded(&path, SET_BYTES_MAX) {
            Err(e) if e.is_missing() => return,
            read => read.map_err(|e| e.to_string()),
        };
        match bytes.and_then(|bytes| self.open_kept(&bytes)) {
            Ok((set, envelope)) => {
                self.have = Some(set.time);
                self.signed.put(&envelope);
                self.roster.replace(&set, FirstRun::InItsPlace).await;
            }
            Err(reason) => {
                let remedy = "none needed once the server answers: the set is fetched again; look who writes to the state folder";
                self.board.problem(Topic::KeptSet, Problem::new("kept-set-refused", &reason, remedy, clock::now()));
                if let Err(error) = files::set_aside(&path) {
                    tracing::warn!(%error, "the refused set stays where it is");
                }
            }
        }
    }

    fn open_kept(&self, bytes: &[u8]) -> Result<(InstructionSet, Envelope), String> {
        let envelope: Envelope =
            serde_json::from_slice(bytes).map_err(|e| format!("the kept set does not read: {e}"))?;
        let set = instruction::open_kept_set(&envelope, &self.identity.instruction_key, &self.identity.me)
            .map_err(|e| format!("the kept set is refused: {e}"))?;
        Ok((set, envelope))
    }

    /// One long poll and what follows from it.
    async fn turn(&mut self) -> Result<(), AskError> {
        let wait_ms = if self.roster.is_complete() { WAIT_MS } else { WAIT_INCOMPLETE_MS };
        // Nobody waits to hear that things are as they should be again.
        let wait_ms = if self.have.is_none() || self.backoff.is_counting() { 0 } else { wait_ms };
        let available = self.orders.is_free();
        let availability = Availability { available, set: self.have, wait_ms, takes_orders: true };
        let answer = tokio::select! {
            answer = self.client.availability(&availability) => answer?,
            // Busy no more: the server is told at once.
            () = self.orders.free(), if !available => return Ok(()),
        };
        self.board.contact(clock::now());
        let due = self.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
        if answer.instructions_changed || self.have.is_none() || due {
            self.ask().await?;
        }
        self.orders.take(answer.transactions);
        self.save();
        self.roster.fetch_missing().await;
        Ok(())
    }

    async fn ask(&mut self) -> Result<(), AskError> {
        let nonce = random::nonce()?;
        let answer = self.client.instructions(&AskInstructions { set: self.have, nonce: nonce.clone() }).await?;
        self.asked = Some(Instant::now());
        let (key, me) = (&self.identity.instruction_key, &self.identity.me);
        match answer {
            InstructionsAnswer::NewSet(envelope) => {
                let set = instruction::open_set(&envelope, key, me, self.have, clock::now())?;
                self.take(set, &envelope).await;
            }
            InstructionsAnswer::UpToDate(envelope) => {
                let have = self.have.ok_or(AskError::NothingToBeUpToDate)?;
                instruction::open_up_to_date(&envelope, key, me, have, &nonce, clock::now())?;
                tracing::debug!("the set is up to date");
            }
        }
        self.board.solved(Topic::Instructions);
        Ok(())
    }

    async fn take(&mut self, set: InstructionSet, envelope: &Envelope) {
        tracing::info!(epoch = set.time.epoch, t = %set.time.t, items = set.items.len(), "a new set replaces the old one");
        self.have = Some(set.time);
        self.signed.put(envelope);
        self.unsaved = Some(envelope.to_json());
        self.save();
        self.board.solved(Topic::KeptSet);
        self.roster.replace(&set, FirstRun::Soon).await;
    }

    /// Keeps the set for the next start. A disk that does not take it stops nothing.
    fn save(&mut self) {
        let Some(json) = &self.unsaved else { return };
        match files::write_durable(&self.folder.set(), json) {
            Ok(()) => {
                self.unsaved = None;
                self.board.solved(Topic::KeptSet);
            }
            Err(error) => {
                let remedy = "make room on the disk of the state folder; until then the set runs, but a restart falls back to the one before";
                self.board
                    .problem(Topic::KeptSet, Problem::new("set-not-saved", &error.to_string(), remedy, clock::now()));
            }
        }
    }

    /// Shows what went wrong and returns how long to wait.
    fn tell(&mut self, error: &AskError) -> Duration {
        let (now, random) = (clock::now(), random::jitter());
        if let AskError::Call(error) = error {
            self.board.problem(Topic::Contact, Problem::of_call(error, now));
            return if error.needs_a_person() {
                self.backoff.after_refusal(random)
            } else {
                self.backoff.after_failure(random)
            };
        }
        let remedy = "the set before goes on; look at the server's log, and at what stands between server and agent";
        self.board.problem(Topic::Instructions, Problem::new("instructions-refused", &error.to_string(), remedy, now));
        self.board.update(|status| status.instructions_refused += 1);
        self.backoff.after_failure(random)
    }
}
