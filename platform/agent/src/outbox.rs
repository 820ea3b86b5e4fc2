//! The spool as the loops see it: one at a time, off the event loop, and its counts on the board.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fitment_domain::protocol::{Acknowledged, Results, RunResult};
use tokio::sync::{Notify, oneshot};

use crate::clock;
use crate::problem::Problem;
use crate::spool::{Spool, SpoolError};
use crate::status::{Board, Topic};

/// Takes results in and gives batches out.
pub struct Outbox {
    spool: Arc<Mutex<Spool>>,
    /// Results on their way to the disk: those that come while it writes are written together.
    coming: Mutex<Coming>,
    arrived: Notify,
    board: Board,
}

#[derive(Default)]
struct Coming {
    results: Vec<RunResult>,
    /// Told when the disk has them.
    waiting: Vec<oneshot::Sender<()>>,
    writing: bool,
}

impl Outbox {
    /// Wraps a spool that is open.
    pub fn new(spool: Spool, board: Board) -> Self {
        let counts = spool.counts();
        board.update(|status| status.spool = counts);
        Self { spool: Arc::new(Mutex::new(spool)), coming: Mutex::default(), arrived: Notify::new(), board }
    }

    async fn with<T: Send + 'static>(&self, act: impl FnOnce(&mut Spool) -> T + Send + 'static) -> Option<T> {
        let spool = Arc::clone(&self.spool);
        let done = tokio::task::spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let done = act(&mut spool);
            (done, spool.counts())
        });
        // Only a runtime that shuts down ends it early.
        let (done, counts) = done.await.ok()?;
        self.board.update(|status| status.spool = counts);
        Some(done)
    }

    /// Keeps a result until it is acknowledged. It is on disk when this returns, or in memory and the problem on the board.
    pub async fn put(self: &Arc<Self>, result: RunResult) {
        let (told, kept) = oneshot::channel();
        let writes = {
            let mut coming = self.coming();
            coming.results.push(result);
            coming.waiting.push(told);
            !std::mem::replace(&mut coming.writing, true)
        };
        if writes {
            // A task of its own: whoever put the first result may be given up while others wait.
            tokio::spawn(Arc::clone(self).write());
        }
        // Only a runtime that shuts down drops the other end.
        let _ = kept.await;
    }

    async fn write(self: Arc<Self>) {
        loop {
            let (results, waiting) = {
                let mut coming = self.coming();
                coming.writing = !coming.results.is_empty();
                (std::mem::take(&mut coming.results), std::mem::take(&mut coming.waiting))
            };
            if results.is_empty() {
                return;
            }
            let put = self.with(|spool| spool.put_all(results)).await;
            self.tell(put);
            self.arrived.notify_one();
            for told in waiting {
                let _ = told.send(());
            }
        }
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, done: Option<Result<(), SpoolError>>) {
        match done {
            Some(Err(error)) => {
                let remedy = "make room on the disk of the state folder; until then results wait in memory and a restart loses them";
                self.board
                    .problem(Topic::Spool, Problem::new("spool-not-durable", &error.to_string(), remedy, clock::now()));
            }
            Some(Ok(())) => self.board.solved(Topic::Spool),
            None => {}
        }
    }

    /// Returns when a result has come since the last time.
    pub async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Tries again to bring onto disk what the disk did not take.
    pub async fn persist(&self) {
        let done = self.with(|spool| (spool.counts().not_on_disk > 0).then(|| spool.persist())).await;
        self.tell(done.flatten());
    }

    /// Returns the oldest results that wait.
    pub async fn batch(&self, records_max: usize, bytes_max: u64) -> Option<Results> {
        self.with(move |spool| spool.batch(records_max, bytes_max)).await.flatten()
    }

    /// Forgets what the server answered for, among what was sent. Returns how many.
    pub async fn settle(&self, sent: &Results, answer: Acknowledged) -> usize {
        let epoch = sent.spool.clone();
        let was_sent: std::collections::BTreeSet<u64> = sent.results.iter().map(|result| result.sequence).collect();
        let settled = self.with(move |spool| {
            let taken = answer.sequences.iter().filter(|s| was_sent.contains(s));
            let taken = taken.filter(|sequence| spool.acknowledged(&epoch, **sequence)).count();
            let refused = answer.refused.iter().filter(|refused| was_sent.contains(&refused.sequence));
            taken + refused.filter(|refused| spool.refused(&epoch, refused.sequence, &refused.reason)).count()
        });
        settled.await.unwrap_or(0)
    }
}
