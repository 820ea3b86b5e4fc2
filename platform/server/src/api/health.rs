//! Is the process alive, and can it do its work?

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::Shared;
use crate::problem::SpeaksForItself;

/// A database that stands still is not there.
const PING_WAIT_MAX: Duration = Duration::from_secs(6);

/// Says that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "the process is alive")))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Says whether the server can do its work: migrations and keys are there, and the database just took a real write.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "ready"), (status = 503, description = "not ready; `waiting_for` says for what")))]
pub async fn readyz(State(app): State<Shared>) -> Response {
    let pinged = tokio::time::timeout(PING_WAIT_MAX, app.store.ping()).await;
    let failure = match pinged {
        Ok(answer) => answer.err().map(|error| error.to_string()),
        Err(elapsed) => Some(format!("no answer from the database: {elapsed}")),
    };
    match failure {
        None => Json(json!({ "ready": true })).into_response(),
        Some(error) => {
            tracing::warn!(%error, "not ready");
            let body = Json(json!({ "ready": false, "waiting_for": ["a write to the database"] }));
            let mut response = (StatusCode::SERVICE_UNAVAILABLE, body).into_response();
            response.extensions_mut().insert(SpeaksForItself);
            response
        }
    }
}
