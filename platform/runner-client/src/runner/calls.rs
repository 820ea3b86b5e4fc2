//! The runs that are under way in one process, and the host calls they make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fitment_domain::capability::Grants;
use fitment_domain::run::{Fault, HostRequest, RunNumber, RunReport, RunRequest, ToRunner, Told};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::host::{CallLimits, HostCalls, refused};

/// Requests that leave the machine at a time, of one run. Guests ask one after the other; who breaks the runner does not.
const CALLS_AT_ONCE_MAX: usize = 4;
/// A guest asks one thing at a time: a runner that has more of one run under way is broken, and each takes memory here.
const CALLS_WAITING_MAX: usize = 16;

/// One run that has not ended.
struct UnderWay {
    report: oneshot::Sender<RunReport>,
    host: Arc<dyn HostCalls>,
    grants: Arc<Grants>,
    deadline: Instant,
    /// Requests that leave the machine.
    calls_left: u64,
    at_once: Arc<Semaphore>,
    acts_left: u64,
    body_bytes_max: u64,
    /// Dropped with the run, which ends calls that nobody waits for.
    calls: JoinSet<()>,
}

/// All runs of one process.
#[derive(Default)]
pub(super) struct Runs(Mutex<HashMap<RunNumber, UnderWay>>);

impl Runs {
    /// Notes a run that is about to be sent, and returns where its report will come.
    pub(super) fn begin(&self, request: &RunRequest, host: Arc<dyn HostCalls>) -> oneshot::Receiver<RunReport> {
        let (report, reported) = oneshot::channel();
        let run = UnderWay {
            report,
            host,
            grants: Arc::new(request.grants.clone()),
            deadline: Instant::now() + Duration::from_millis(request.budget.wall_ms_max),
            calls_left: request.budget.http_calls_max,
            at_once: Arc::new(Semaphore::new(CALLS_AT_ONCE_MAX)),
            acts_left: request.budget.host_calls_max,
            body_bytes_max: request.budget.http_body_bytes_max,
            calls: JoinSet::new(),
        };
        self.all().insert(request.run, run);
        reported
    }

    /// Hands a report to whoever waits for it.
    pub(super) fn end(&self, report: RunReport) {
        let ended = self.all().remove(&report.run);
        if let Some(run) = ended {
            let _ = run.report.send(report);
        }
    }

    /// Hands on what a script said while it runs.
    pub(super) fn told(&self, run: RunNumber, told: Told) {
        let host = self.all().get(&run).map(|under_way| Arc::clone(&under_way.host));
        if let Some(host) = host {
            host.told(told);
        }
    }

    /// Forgets a run that nobody waits for any more.
    pub(super) fn forget(&self, run: RunNumber) {
        self.all().remove(&run);
    }

    /// Drops every run: those who wait see that no report will come.
    pub(super) fn drop_all(&self) {
        std::mem::take(&mut *self.all());
    }

    /// Answers a host call beside the reading of further frames. The budget is counted here again: the process that asks is
    /// the one that a guest may have broken.
    pub(super) fn answer(
        &self,
        run: RunNumber,
        call: u64,
        request: HostRequest,
        replies: &mpsc::UnboundedSender<ToRunner>,
    ) {
        let mut all = self.all();
        let Some(under_way) = all.get_mut(&run) else { return };
        let (left, bound) = match &request {
            HostRequest::Http(_) | HostRequest::Net(_) => (&mut under_way.calls_left, "http_calls_max"),
            HostRequest::Act(_) | HostRequest::Look(_) => (&mut under_way.acts_left, "host_calls_max"),
        };
        // What came to its end makes room for what comes.
        while under_way.calls.try_join_next().is_some() {}
        if *left == 0 || under_way.calls.len() >= CALLS_WAITING_MAX {
            let reply = refused(&request, Fault::Exhausted(bound.to_owned()));
            let _ = replies.send(ToRunner::Reply { run, call, reply });
            return;
        }
        *left -= 1;
        let remaining = under_way.deadline.saturating_duration_since(Instant::now());
        let limits = CallLimits {
            remaining_ms: u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX),
            body_bytes_max: under_way.body_bytes_max,
        };
        let (host, grants, replies) = (Arc::clone(&under_way.host), Arc::clone(&under_way.grants), replies.clone());
        let at_once = Arc::clone(&under_way.at_once);
        under_way.calls.spawn(async move {
            // It is never closed. Whoever waits in vain ends with the run.
            let _place = at_once.acquire().await.ok();
            let reply = host.call(request, &grants, limits).await;
            let _ = replies.send(ToRunner::Reply { run, call, reply });
        });
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RunNumber, UnderWay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use fitment_domain::budget::Budget;
    use fitment_domain::run::{HostReply, HttpRequest, Invocation, State};
    use fitment_domain::time::UnixMs;
    use futures_util::future::BoxFuture;

    use super::*;

    /// Notes how many calls are under way at once.
    #[derive(Default)]
    struct Busy(AtomicUsize, AtomicUsize);

    impl HostCalls for Busy {
        fn call<'a>(&'a self, request: HostRequest, _: &'a Grants, _: CallLimits) -> BoxFuture<'a, HostReply> {
            Box::pin(async move {
                self.1.fetch_max(self.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.0.fetch_sub(1, Ordering::SeqCst);
                refused(&request, Fault::TimedOut)
            })
        }
    }

    #[tokio::test]
    async fn a_broken_runner_has_four_requests_of_a_run_under_way_and_no_more() {
        let (runs, busy) = (Runs::default(), Arc::new(Busy::default()));
        let request = RunRequest {
            run: 1,
            artifact: String::new(),
            invocation: Invocation::Check,
            config: String::new(),
            parameters: String::new(),
            optional: Default::default(),
            grants: Grants::default(),
            budget: Budget::default_for_accessories(),
            now: UnixMs(0),
            state: State::new(),
            simulated: None,
            warm: None,
        };
        let _report = runs.begin(&request, Arc::clone(&busy) as Arc<dyn HostCalls>);
        let (replies, mut replied) = mpsc::unbounded_channel();
        let http = || HttpRequest {
            method: "GET".to_owned(),
            url: String::new(),
            headers: Vec::new(),
            body: None,
            timeout_ms: 1,
            body_bytes_max: 1,
        };
        for call in 0..25 {
            runs.answer(1, call, HostRequest::Http(http()), &replies);
        }
        for _ in 0..25 {
            assert!(replied.recv().await.is_some());
        }
        assert_eq!(busy.1.load(Ordering::SeqCst), CALLS_AT_ONCE_MAX);
    }
}
