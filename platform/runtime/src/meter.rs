//! Time on the processor, measured inside every poll of a run, and panics of the host caught at the same place.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The processor time of one run. Relaxed atomics: one thread polls a run at a time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    spent_ns: AtomicU64,
    poll_started_ns: AtomicU64,
}

/// A poll that is shorter by the clock on the wall is charged by that: the other clock is a system call, and being kept from the
/// processor can hide no more than this.
const SHORT: Duration = Duration::from_micros(100);

impl Meter {
    /// Returns the nanoseconds spent until now; called from within a poll it includes that poll.
    pub(crate) fn spent_ns(&self) -> u64 {
        let started = self.poll_started_ns.load(Ordering::Relaxed);
        let in_this_poll = if started == 0 { 0 } else { thread_cpu_ns().saturating_sub(started) };
        self.spent_ns.load(Ordering::Relaxed).saturating_add(in_this_poll)
    }

    fn poll_begins(&self) {
        self.poll_started_ns.store(thread_cpu_ns().max(1), Ordering::Relaxed);
    }

    fn poll_ends(&self, lasted: Duration) {
        let spent_ns = match u64::try_from(lasted.as_nanos()) {
            Ok(lasted_ns) if lasted < SHORT => self.spent_ns.load(Ordering::Relaxed).saturating_add(lasted_ns),
            _ => self.spent_ns(),
        };
        self.spent_ns.store(spent_ns, Ordering::Relaxed);
        self.poll_started_ns.store(0, Ordering::Relaxed);
    }
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Runs a future to its end, adds its processor time to the meter, and returns a panic as its message.
pub(crate) async fn metered<T>(meter: Arc<Meter>, future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    poll_fn(|context| {
        meter.poll_begins();
        let began = Instant::now();
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        meter.poll_ends(began.elapsed());
        match polled {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(message(panic.as_ref()))),
        }
    })
    .await
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
