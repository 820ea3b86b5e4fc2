//! Two threads for guests: one for those that are soon done, and one of lower priority for those that compute. A guest begins on
//! the first; one that is still computing after a tick goes on on the second, so that it shares a thread with its like alone.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use rustix::process::nice;
use tokio::runtime::Handle;

/// How much the second thread yields to everything else on the device.
const NICENESS: i32 = 10;

/// Says of a run that it computes for longer than those that share its thread should wait.
#[derive(Clone, Debug, Default)]
pub struct Long(Arc<AtomicBool>);

impl Long {
    /// Notes that the run has computed through a tick.
    pub(crate) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_noted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The second thread.
#[derive(Clone)]
pub struct Lanes {
    slow: Handle,
}

impl Lanes {
    /// Starts the second thread. Its readings wait on threads of its own, so that none takes the place of a short run's.
    pub fn start(readers_max: usize) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(readers_max)
            .thread_keep_alive(std::time::Duration::from_secs(5))
            .build()?;
        let slow = runtime.handle().clone();
        std::thread::Builder::new().name("slow-guests".to_owned()).spawn(move || {
            // On Linux this is the niceness of the calling thread. Where it is refused the kernel shares evenly.
            let _ = nice(NICENESS);
            runtime.block_on(std::future::pending::<()>());
        })?;
        Ok(Self { slow })
    }

    /// Runs to the end, beginning on the thread of the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        mut run: Pin<Box<dyn Future<Output = T> + Send>>,
        long: Long,
    ) -> Option<T> {
        let begun = poll_fn(|context| match run.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if long.is_noted() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        match begun.await {
            Some(done) => Some(done),
            // Only a thread that is shutting down loses it.
            None => self.slow.spawn(run).await.ok(),
        }
    }
}
