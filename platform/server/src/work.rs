//! Background work: jobs that were enqueued in the transaction of the change that caused them.

pub mod assign;
pub mod compile;
pub mod deliver;
pub mod relocate;
pub mod reoffer;
pub mod replan;
pub mod retain;
pub mod signal;
pub mod sync;

use std::sync::Arc;
use std::time::Duration;

use fitment_domain::id::{ClientId, ConnectionId, DeviceId, ReleaseId, TicketId};
use fitment_domain::tenant::Scope;
use fitment_domain::ticket::retry_delay_ms;
use fitment_domain::time::UnixMs;
use fitment_store::{Job, Store, StoreError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::app::{App, Shared};
use crate::job::{self, JobKind};

/// A server that dies leaves its jobs to whoever comes after this time. One that lives renews the lease.
const LEASE_MS: u64 = 15_000;
const RENEW_EVERY: Duration = Duration::from_secs(5);
const JOBS_AT_ONCE: usize = 8;
/// Of these, so many may speak with other systems: one that hangs leaves the others their places.
const IN_LANES_AT_ONCE: usize = 5;
const IDLE_MS_MAX: u64 = 5_000;

/// What a job says at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Done,
    /// Not before this time; nothing went wrong.
    At(UnixMs),
}

/// Why a job did not come to its end; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Connector(#[from] crate::connector::ConnectorError),
    #[error(transparent)]
    Observe(#[from] crate::observe::ObserveError),
    #[error("not assigned: {0}")]
    Refused(#[from] crate::door::Refused),
    #[error("signing: {0}")]
    Signature(#[from] fitment_domain::signature::BadSignature),
    #[error("compiling: {0}")]
    Compiler(#[from] fitment_runner_client::CompilerError),
    #[error(transparent)]
    Randomness(#[from] crate::clock::NoRandomness),
    #[error(transparent)]
    Step(#[from] crate::in_step::StepError),
    #[error("job {0:?} is not known to this version")]
    Unknown(String),
    #[error("job subject {0:?} does not read")]
    Subject(String),
}

/// Runs jobs until told to stop; what runs then is finished first.
pub async fn run(app: Shared, stop: CancellationToken) {
    let mut running = JoinSet::new();
    let speaking = Arc::new(Semaphore::new(IN_LANES_AT_ONCE));
    while !stop.is_cancelled() {
        let free = JOBS_AT_ONCE - running.len();
        let wait = if free == 0 {
            Duration::from_millis(IDLE_MS_MAX)
        } else {
            start(&app, &mut running, free, &speaking).await
        };
        tokio::select! {
            () = stop.cancelled() => {}
            // While every place is taken, a new job changes nothing.
            () = app.wake.notified(), if free > 0 => {}
            () = tokio::time::sleep(wait) => {}
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a job panicked; its lease will end");
                }
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Asks for the work that comes again and again. A server that starts asks for it; asking twice is asking once.
pub async fn ask_for_upkeep(store: &Store, now: UnixMs) -> Result<(), JobError> {
    let mut tx = store.begin(Scope::Platform).await?;
    job::enqueue(&mut tx, JobKind::Retain, "platform", now).await?;
    Ok(tx.commit().await?)
}

/// Starts what is due, and returns how long nothing else will be.
async fn start(app: &Shared, running: &mut JoinSet<()>, free: usize, speaking: &Arc<Semaphore>) -> Duration {
    match claim(app, free, speaking.available_permits()).await {
        Ok((jobs, wait)) => {
            for job in jobs {
                let span = tracing::info_span!("job", job = %job.id, kind = job.kind);
                let place = job.lane.as_ref().and_then(|_| Arc::clone(speaking).try_acquire_owned().ok());
                let app = app.clone();
                let work = async move {
                    // Given back when the job ends, however that is.
                    let _place = place;
                    one(app, job).await;
                };
                running.spawn(work.instrument(span));
            }
            wait
        }
        Err(error) => {
            tracing::warn!(%error, "the job queue cannot be read; trying again");
            Duration::from_millis(IDLE_MS_MAX)
        }
    }
}

async fn claim(app: &App, limit: usize, in_lanes: usize) -> Result<(Vec<Job>, Duration), StoreError> {
    let now = app.now();
    let count = |places: usize| i64::try_from(places).unwrap_or(1);
    let mut tx = app.store.begin(Scope::Platform).await?;
    let jobs = tx.claim_due(now, now.plus_ms(LEASE_MS), count(limit), count(in_lanes)).await?;
    let taken = jobs.iter().filter(|job| job.lane.is_some()).count();
    let next = tx.next_due(taken < in_lanes).await?;
    tx.commit().await?;
    let wait = next.map_or(IDLE_MS_MAX, |due| due.since_ms(now).clamp(10, IDLE_MS_MAX));
    Ok((jobs, Duration::from_millis(wait)))
}

async fn one(app: Arc<App>, job: Job) {
    // What was claimed is leased.
    let Some(mut lease) = job.leased_until else { return };
    let outcome = tokio::select! {
        outcome = execute(&app, &job) => Some(outcome),
        () = keep_lease(&app, &job, &mut lease) => None,
    };
    let settled = match outcome {
        Some(outcome) => settle(&app, &job, lease, outcome).await,
        None => Ok(false),
    };
    match settled {
        Ok(true) => {}
        Ok(false) => tracing::warn!(job = %job.id, "the lease of a job was lost; another worker has it"),
        Err(error) => {
            tracing::warn!(job = %job.id, %error, "the end of a job could not be written; its lease will end");
        }
    }
}

/// Renews the lease of a job that takes long, and ends when it is lost. If renewing fails, the job may start a second time: it
/// looks before it acts.
async fn keep_lease(app: &App, job: &Job, lease: &mut UnixMs) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let until = app.now().plus_ms(LEASE_MS);
        match renew(app, job, *lease, until).await {
            Ok(true) => *lease = until,
            Ok(false) => return,
            Err(error) => tracing::warn!(job = %job.id, %error, "the lease of a job could not be renewed"),
        }
    }
}

async fn renew(app: &App, job: &Job, lease: UnixMs, until: UnixMs) -> Result<bool, StoreError> {
    let mut tx = app.store.begin(Scope::Platform).await?;
    let ours = tx.renew_lease(&job.id, lease, until).await?;
    tx.commit().await?;
    Ok(ours)
}

async fn execute(app: &App, job: &Job) -> Result<Next, JobError> {
    let kind = JobKind::parse(&job.kind).ok_or_else(|| JobError::Unknown(job.kind.clone()))?;
    let subject = || JobError::Subject(job.subject.clone());
    let tenant = || job.tenant.as_ref().ok_or_else(subject);
    match kind {
        JobKind::Assign => assign::run(app, tenant()?, &DeviceId::parse(&job.subject).map_err(|_| subject())?).await,
        JobKind::Sync => sync::run(app, tenant()?, &ConnectionId::parse(&job.subject).map_err(|_| subject())?).await,
        JobKind::Deliver => deliver::run(app, tenant()?, &TicketId::parse(&job.subject).map_err(|_| subject())?).await,
        JobKind::Relocate => {
            relocate::run(app, tenant()?, &ClientId::parse(&job.subject).map_err(|_| subject())?).await
        }
        JobKind::Replan => replan::run(app, &job.subject).await,
        JobKind::Retain => retain::run(app).await,
        JobKind::Compile => compile::run(app, &job.subject).await,
        JobKind::Reoffer => reoffer::run(app).await,
        JobKind::Signal => signal::run(app, &ReleaseId::parse(&job.subject).map_err(|_| subject())?).await,
    }
}

/// Writes the end of a job; false if its lease was lost meanwhile.
async fn settle(app: &App, job: &Job, lease: UnixMs, outcome: Result<Next, JobError>) -> Result<bool, StoreError> {
    let mut tx = app.store.begin(Scope::Platform).await?;
    if outcome.is_ok() {
        app.metrics.job(&job.kind, "done");
    }
    let ours = match outcome {
        Ok(Next::Done) => tx.finish_job(&job.id, lease, job.generation).await?,
        Ok(Next::At(due)) => tx.put_off_job(&job.id, lease, job.generation, due).await?,
        Err(error) => {
            app.metrics.job(&job.kind, "failed");
            let due = app.now().plus_ms(retry_delay_ms(job.attempts));
            tracing::warn!(kind = job.kind, subject = job.subject, attempts = job.attempts, %error, "job failed; it waits and goes on");
            tx.retry_job(&job.id, lease, job.generation, due, &error.to_string()).await?
        }
    };
    tx.commit().await?;
    Ok(ours)
}
