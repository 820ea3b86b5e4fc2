//! Telling every loop to end.

use std::time::Duration;

use tokio::sync::watch;

/// Ends every loop that holds a [`Stop`] made from it.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Becomes true once.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Makes the two ends.
pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Says stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when it is time to stop: when it was said, or when nobody is left who could say it.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }

    /// Waits, and returns whether it is time to stop.
    pub async fn sleep(&mut self, duration: Duration) -> bool {
        tokio::select! {
            () = self.wait() => true,
            () = tokio::time::sleep(duration) => false,
        }
    }

    /// Returns the outcome of the work, or nothing if it is time to stop first.
    pub async fn or<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.wait() => None,
            done = work => Some(done),
        }
    }
}
