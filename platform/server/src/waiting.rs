//! While the database is away: the web listener answers that the server is not ready, and the database is tried again.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use fitment_store::StoreError;
use serde_json::json;
use tower::ServiceExt as _;

use crate::problem::{self, Problem, SpeaksForItself};

const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_MAX: Duration = Duration::from_secs(15);
const RETRY_AFTER_S: u64 = 5;

/// The routes of the web listener, once there are any.
#[derive(Clone, Default)]
pub struct Waiting {
    ready: Arc<OnceLock<Router>>,
}

impl Waiting {
    /// Opens the routes.
    pub fn ready(&self, router: Router) {
        // The second call of two would change nothing; there is one.
        let _first = self.ready.set(router);
    }

    /// Returns what listens meanwhile and afterwards.
    pub fn router(&self) -> Router {
        let ready = self.ready.clone();
        Router::new().fallback(move |request: Request| {
            let ready = ready.clone();
            async move {
                match ready.get() {
                    Some(router) => router.clone().oneshot(request).await.into_response(),
                    None => not_yet(request).await,
                }
            }
        })
    }
}

async fn not_yet(request: Request) -> Response {
    match request.uri().path() {
        "/healthz" => "ok".into_response(),
        "/readyz" => {
            let body = Json(json!({ "ready": false, "waiting_for": ["the database"] }));
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
            response.extensions_mut().insert(SpeaksForItself);
            response
        }
        _ => {
            let starting = || Problem::busy("the server starts: its database does not answer yet", RETRY_AFTER_S);
            let routes = Router::new().fallback(move || async move { starting() });
            let routes = routes.layer(axum::middleware::from_fn(problem::layer));
            routes.oneshot(request).await.into_response()
        }
    }
}

/// How long to wait before the database is tried again.
#[derive(Debug)]
pub struct Patience {
    next: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { next: WAIT_FIRST }
    }
}

impl Patience {
    /// Waits, each time longer, if this error may go by itself. Returns false if it will not.
    pub async fn bears(&mut self, error: &StoreError) -> bool {
        if !matches!(error, StoreError::Unavailable(_)) {
            return false;
        }
        tracing::warn!(%error, again_in_ms = self.next.as_millis(), "the database is away; waiting for it");
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(WAIT_MAX);
        true
    }
}
