//! What becomes of a request, as it happens: a stream of server-sent events that ends by itself.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use fitment_domain::id::{RequestId, TokenId};
use fitment_domain::tenant::Action;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::views::{self, ExecutionView};
use crate::app::Shared;
use crate::auth::Caller;
use crate::orders::Place;
use crate::problem::Problem;

/// A stream that nothing ended by then ends; whoever still wants to know opens another.
const STREAM_MAX: Duration = Duration::from_secs(3_600);
/// Time ends executions too, and nobody announces that.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Changes that come together go together.
const GATHER: Duration = Duration::from_millis(50);
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const RETRY_AFTER_S: u64 = 5;

struct Watching {
    app: Shared,
    /// With which token the watcher came: what it may see is asked again at each look.
    token: TokenId,
    id: RequestId,
    changes: broadcast::Receiver<RequestId>,
    /// What was sent last, by transaction.
    sent: HashMap<String, ExecutionView>,
    queue: std::collections::VecDeque<Event>,
    until: Instant,
    ended: bool,
    _place: Place,
}

fn event(name: &str, data: &impl serde::Serialize) -> Event {
    // A view of texts and numbers always serialises.
    Event::default().event(name).json_data(data).unwrap_or_else(|_| Event::default().event(name))
}

impl Watching {
    /// Reads the request and queues what is new. A store that is away for a moment says nothing new.
    async fn look(&mut self) {
        let now = self.app.now();
        let read = async {
            // Signed out, disabled, or of another role meanwhile: nothing more is told.
            let Some(caller) = Caller::again(&self.app, &self.token).await? else { return Ok(None) };
            let Ok(scope) = caller.may(Action::SeeSetup) else { return Ok(None) };
            let mut tx = self.app.store.read(scope).await?;
            super::find(&mut tx, self.id.as_str()).await.map(Some)
        };
        let (request, executions) = match read.await {
            Ok(Some(read)) => read,
            Ok(None) => return self.end(false),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => return self.end(false),
            Err(_) => return,
        };
        for (row, name) in &executions {
            let view = views::execution(&request, row, name, now);
            let before = self.sent.get(&view.transaction);
            if before == Some(&view) {
                continue;
            }
            let only_progress = before.is_some_and(|before| before.state == view.state);
            self.queue.push_back(event(if only_progress { "progress" } else { "state" }, &view));
            self.sent.insert(view.transaction.clone(), view);
        }
        if super::all_over(&request, &executions, now) {
            self.end(true);
        }
    }

    fn end(&mut self, over: bool) {
        self.queue.push_back(event("end", &serde_json::json!({ "over": over })));
        self.ended = true;
    }

    /// Waits until there may be something new. Returns false when the stream is to end.
    async fn wait(&mut self) -> bool {
        let id = self.id.clone();
        let changes = &mut self.changes;
        let changed = async move {
            loop {
                match changes.recv().await {
                    Ok(changed) if changed != id => {}
                    // Too many changes at once: one of them may have been this one.
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return true,
                    Err(broadcast::error::RecvError::Closed) => return false,
                }
            }
        };
        tokio::select! {
            () = self.app.stop.cancelled() => false,
            () = tokio::time::sleep_until(self.until) => false,
            () = tokio::time::sleep(LOOK_EVERY) => true,
            alive = changed => { tokio::time::sleep(GATHER).await; alive }
        }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some((Ok(event), self));
            }
            if self.ended {
                return None;
            }
            if self.wait().await {
                self.look().await;
            } else {
                // The server stops, or the time is over: the watcher may come again.
                self.end(false);
            }
        }
    }
}

/// Streams what becomes of a request: `state` and `progress` with the execution as it is now, first all of them as they
/// stand, and `end` with `{"over": true}` when nothing more is to be waited for.
#[utoipa::path(get, path = "/api/v1/requests/{id}/events", tag = "requests", responses(
    (status = 200, description = "text/event-stream", content_type = "text/event-stream", body = String),
    (status = 404), (status = 503, description = "too many streams are open")))]
pub async fn stream(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let token = caller.token.clone();
    let msp = caller.msp()?.may(Action::SeeSetup)?;
    let busy = || Problem::busy("too many event streams are open", RETRY_AFTER_S);
    let place = app.orders.stream(&msp.account).ok_or_else(busy)?;
    let changes = app.orders.changes();
    let (request, _) = super::find(&mut app.store.read(msp.scope()).await?, &id).await?;
    let mut watching = Watching {
        token,
        id: request.id,
        changes,
        sent: HashMap::new(),
        queue: std::collections::VecDeque::new(),
        until: Instant::now() + STREAM_MAX,
        ended: false,
        _place: place,
        app,
    };
    watching.look().await;
    Ok(Sse::new(unfold(watching, Watching::next)).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
