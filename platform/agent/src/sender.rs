//! Brings results to the server, oldest first, and forgets only what is acknowledged.

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::protocol::{Acknowledged, Refused, Results};

use crate::backoff::Backoff;
use crate::client::Client;
use crate::clock;
use crate::outbox::Outbox;
use crate::problem::{CallError, Problem};
use crate::random;
use crate::status::{Board, Topic};
use crate::stop::Stop;

const BATCH_RECORDS_MAX: usize = 200;
const BATCH_BYTES_MAX: u64 = 1024 * 1024;
/// Results that come together go together.
const GATHER: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Sends results.
pub struct Sender {
    client: Arc<Client>,
    outbox: Arc<Outbox>,
    board: Board,
    backoff: Backoff,
    /// So many results go one by one, because one of them spoils their batch.
    singly: usize,
}

impl Sender {
    /// Makes a sender.
    pub fn new(client: Arc<Client>, outbox: Arc<Outbox>, board: Board) -> Self {
        Self { client, outbox, board, backoff: Backoff::default(), singly: 0 }
    }

    /// Sends until it is time to stop.
    pub async fn run(mut self, mut stop: Stop) {
        loop {
            self.outbox.persist().await;
            let records_max = if self.singly > 0 { 1 } else { BATCH_RECORDS_MAX };
            let Some(batch) = self.outbox.batch(records_max, BATCH_BYTES_MAX).await else {
                if stop.or(tokio::time::timeout(LOOK_EVERY, self.outbox.arrived())).await.is_none()
                    || stop.sleep(GATHER).await
                {
                    return;
                }
                continue;
            };
            let Some(answer) = stop.or(self.client.results(&batch)).await else { return };
            if let Some(wait) = self.settle(&batch, answer).await
                && stop.sleep(wait).await
            {
                return;
            }
        }
    }

    /// Returns how long to wait before the next batch, if that went wrong.
    async fn settle(&mut self, batch: &Results, answer: Result<Acknowledged, CallError>) -> Option<Duration> {
        let error = match answer {
            Err(error) => error,
            Ok(answer) => {
                if self.outbox.settle(batch, answer).await > 0 {
                    self.singly = self.singly.saturating_sub(1);
                    self.backoff.reset();
                    self.board.contact(clock::now());
                    self.board.solved(Topic::Results);
                    return None;
                }
                CallError::BadAnswer("it answers for none of the results that were sent".to_owned())
            }
        };
        self.board.problem(Topic::Results, Problem::of_call(&error, clock::now()));
        if error.is_about_the_message() && batch.results.len() > 1 {
            self.singly = batch.results.len();
            return None;
        }
        if let ([alone], true) = (batch.results.as_slice(), error.is_about_the_message()) {
            let refused = Refused { sequence: alone.sequence, reason: error.to_string() };
            self.outbox.settle(batch, Acknowledged { sequences: Vec::new(), refused: vec![refused] }).await;
            self.singly = self.singly.saturating_sub(1);
            // A server that refuses everything must not empty the spool at once.
            return Some(self.backoff.after_failure(random::jitter()));
        }
        let random = random::jitter();
        Some(if error.needs_a_person() {
            self.backoff.after_refusal(random)
        } else {
            self.backoff.after_failure(random)
        })
    }
}
