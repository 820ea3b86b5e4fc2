//! Every error answer: `application/problem+json` (RFC 9457) with a stable code and the request's id. What went wrong
//! inside stands in the log only.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use fitment_store::StoreError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tracing::Instrument as _;

use crate::clock;

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Returns the id of the request that is being answered.
pub fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// What an error answer says, beside its document: a page says it in HTML.
#[derive(Debug, Clone)]
pub struct Words {
    pub code: &'static str,
    pub detail: String,
}

/// An error answer.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// Makes an answer with this status, stable code and words for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), members: Map::new(), retry_after_s: None }
    }

    /// Returns its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns its stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Returns its words for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Tells whether it is about what was entered, and belongs beside the form that was sent.
    pub fn is_for_the_form(&self) -> bool {
        matches!(self.status, StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// Adds a member for programs.
    pub fn with(mut self, name: &str, value: impl serde::Serialize) -> Self {
        self.members.insert(name.to_owned(), serde_json::to_value(value).unwrap_or(Value::Null));
        self
    }

    /// Returns a member for programs.
    pub fn member(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The request cannot be understood or holds a wrong value.
    pub fn invalid(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail.to_string())
    }

    /// Not there, or not this caller's: the two look the same.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("no such {what}"))
    }

    /// The state of things does not allow it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Too much of this goes on at once; the same request may succeed after this time.
    pub fn busy(detail: &str, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    /// This caller does this too often; the same request may succeed after this time.
    pub fn too_often(detail: &str, retry_after_s: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-often", detail);
        Self { retry_after_s: Some(retry_after_s), ..problem }
    }

    /// Nobody is signed in.
    pub fn unauthenticated(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
    }

    /// Somebody is signed in who may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// Something broke inside; `what` goes to the log alone.
    pub fn internal(what: impl std::fmt::Display) -> Self {
        tracing::error!(error = %what, "request failed inside");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; the request id finds the cause in its log",
        )
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(inner) => {
                tracing::error!(error = %inner, "database unavailable");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store-unavailable",
                    "the database is away or full; try again",
                )
            }
            StoreError::Conflict { .. } => {
                Self::conflict("exists", "something with this name or number exists already")
            }
            StoreError::Dangling(inner) => {
                tracing::info!(error = %inner, "changed meanwhile");
                Self::conflict(
                    "changed-meanwhile",
                    "somebody else changed or removed what this is about: look again, and ask again",
                )
            }
            StoreError::Object(inner) => {
                tracing::error!(error = %inner, "object store unavailable");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "store-unavailable",
                    "the object store is away or full; try again",
                )
            }
            StoreError::AllClients => {
                Self::forbidden("this concerns all clients, and your account is for some of them: ask an owner")
            }
            other @ (StoreError::Corrupt { .. }
            | StoreError::Scope { .. }
            | StoreError::Version { .. }
            | StoreError::Sql(_)) => Self::internal(other),
        }
    }
}

impl From<clock::NoRandomness> for Problem {
    fn from(error: clock::NoRandomness) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (request_id, words) = (request_id(), Words { code: self.code, detail: self.detail.clone() });
        let mut body = self.members;
        body.insert("type".to_owned(), json!("about:blank"));
        body.insert("title".to_owned(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("code".to_owned(), json!(self.code));
        body.insert("detail".to_owned(), json!(self.detail));
        body.insert("request_id".to_owned(), json!(request_id));
        let mut response = (self.status, Json(Value::Object(body))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.extensions_mut().insert(words);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Gives each request an id, and turns whatever error answer a layer below made into a problem document.
pub async fn layer(request: Request, next: Next) -> Response {
    let id = given_id(&request).unwrap_or_else(|| clock::random::<8>().map(hex::encode).unwrap_or_default());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // Every line of a request carries its id.
    let span = tracing::info_span!("request", request_id = %id);
    REQUEST_ID
        .scope(id.clone(), async move {
            let response = next.run(request).await;
            let mut response = ensure_problem(response);
            tracing::info!(%method, path, status = response.status().as_u16(), "request");
            if let Ok(value) = HeaderValue::from_str(&id) {
                response.headers_mut().insert("x-request-id", value);
            }
            response
        })
        .instrument(span)
        .await
}

/// Returns the id that a proxy before us gave the request: 8 to 64 letters, digits and hyphens, or it is none.
fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get("x-request-id")?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (plain && (8..=64).contains(&id.len())).then(|| id.to_owned())
}

fn ensure_problem(response: Response) -> Response {
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/problem+json");
    let is_error = status.is_client_error() || status.is_server_error();
    // A health check answers 503 with a body of its own.
    let speaks_for_itself = response.extensions().get::<SpeaksForItself>().is_some();
    if !is_error || is_problem || speaks_for_itself {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => ("not-found", "no such route; /api/openapi.json lists them"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "this route has no such method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is larger than this route takes"),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long"),
        _ if status.is_server_error() => ("internal", "the server failed; the request id finds the cause in its log"),
        _ => ("invalid", "the request was not understood"),
    };
    Problem::new(status, code, detail).into_response()
}

/// Marks an error answer that is no problem document on purpose.
#[derive(Debug, Clone, Copy)]
pub struct SpeaksForItself;

/// A JSON body whose errors are problem documents that name the field.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "the body is larger than this route takes",
            )),
            Err(rejection) => Err(Problem::new(rejection.status(), "invalid-body", rejection.body_text())),
        }
    }
}
