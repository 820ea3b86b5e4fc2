//! What a run of an order says while it runs, and who answers its host calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use fitment_domain::capability::Grants;
use fitment_domain::execution::PROGRESS_CHARS_MAX;
use fitment_domain::id::TransactionId;
use fitment_domain::protocol::OrderProgress;
use fitment_domain::run::{HostReply, HostRequest, Told};
use fitment_domain::signature::Envelope;
use fitment_runner_client::{CallLimits, DeviceHost, HostCalls, HttpHost};
use tokio::sync::watch;

use super::TELL_EVERY;
use crate::broker::{Broker, OrderActs};
use crate::client::Client;

type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Answers the host calls of one order.
pub(super) struct OrderHost {
    inner: Arc<dyn HostCalls>,
    progress: watch::Sender<Option<OrderProgress>>,
    saved_s: AtomicU32,
}

impl OrderHost {
    /// The broker is shown the order with each act, and checks it for itself.
    /// `named` is what the installation itself names.
    pub(super) fn new(order: Envelope, named: Grants, http: Arc<HttpHost>, broker: Arc<Broker>) -> Self {
        let progress = watch::Sender::new(None);
        let inner = Arc::new(DeviceHost::new(http, Arc::new(OrderActs::new(broker, order))).naming(named));
        Self { inner, progress, saved_s: AtomicU32::new(0) }
    }

    pub(super) fn progress(&self) -> watch::Receiver<Option<OrderProgress>> {
        self.progress.subscribe()
    }

    /// Returns the seconds that the run said it saved.
    pub(super) fn saved_s(&self) -> u32 {
        self.saved_s.load(Ordering::Relaxed)
    }
}

impl HostCalls for OrderHost {
    fn told(&self, told: Told) {
        match told {
            Told::Progress { percent, message } => {
                let message = message.chars().take(PROGRESS_CHARS_MAX).collect();
                self.progress.send_replace(Some(OrderProgress { percent: percent.min(100), message }));
            }
            Told::AutomationSaved { seconds, .. } => {
                let before = self.saved_s.load(Ordering::Relaxed);
                self.saved_s.store(before.saturating_add(seconds), Ordering::Relaxed);
            }
        }
    }

    fn call<'a>(&'a self, request: HostRequest, grants: &'a Grants, limits: CallLimits) -> BoxFuture<'a, HostReply> {
        self.inner.call(request, grants, limits)
    }
}

/// Sends the latest progress up, not too often. Who watches may miss some; a server that is away misses all. Never ends.
pub(super) async fn tell(
    client: Arc<Client>,
    transaction: TransactionId,
    mut progress: watch::Receiver<Option<OrderProgress>>,
) {
    while progress.changed().await.is_ok() {
        let latest = progress.borrow_and_update().clone();
        if let Some(latest) = latest
            && let Err(error) = client.order_progress(&transaction, &latest).await
        {
            tracing::debug!(%transaction, %error, "progress is not told");
        }
        tokio::time::sleep(TELL_EVERY).await;
    }
    std::future::pending().await
}
