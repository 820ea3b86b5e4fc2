//! What stands before every page: the cookie that says who calls, the proof that a form is our own, and the headers that keep
//! a browser from doing what no page of ours asks.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use fitment_domain::bytes::Digest;
use subtle::ConstantTimeEq as _;

use super::fault;
use super::fields::Fields;
use crate::problem::Problem;

/// The cookie that holds the token.
pub(super) const COOKIE: &str = "fitment_session";
/// The field of every form that proves that the page before it was ours.
pub(super) const CSRF: &str = "csrf";
const FORM_BYTES_MAX: usize = 256 * 1024;
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Lets a request in if it may come in, and sends every answer out with the headers of a page.
pub(super) async fn layer(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let asked = (request.method() == Method::GET).then(|| request.uri().clone());
    let answer = match admit(request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    sealed(fault::as_page(answer, asked.as_ref()), Some(started))
}

/// Adds the headers of a page.
pub(super) fn sealed(mut response: Response, started: Option<Instant>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with it a browser hides from us where our own forms come from.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Some(started) = started {
        let total = format!("total;dur={:.2}", started.elapsed().as_secs_f64() * 1_000.0);
        if let Ok(value) = HeaderValue::from_str(&total) {
            headers.insert(HeaderName::from_static("server-timing"), value);
        }
    }
    response
}

/// Turns the cookie into the header that the API's own check of tokens reads; refuses a form that is not from a page of ours.
async fn admit(request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    // On a page a token comes by cookie alone.
    parts.headers.remove(header::AUTHORIZATION);
    let token = token(&parts.headers);
    if let Some(value) = token.as_ref().and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
        parts.headers.insert(header::AUTHORIZATION, value);
    }
    if parts.method == Method::GET || parts.method == Method::HEAD {
        return Ok(Request::from_parts(parts, body));
    }
    if !from_here(&parts.headers) {
        return Err(forged("the form does not come from a page of this server: open the page here, and send it again"));
    }
    let bytes = to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| {
        Problem::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the form is larger than this page takes")
    })?;
    let fields = Fields::parse(&bytes);
    // Whoever signs in has no session that could be abused; where the form comes from was asked above.
    let signs_in = parts.uri.path() == "/sign-in";
    if !signs_in && !token.is_some_and(|token| same(&csrf_of(&token), fields.text(CSRF))) {
        return Err(forged("the form is from another session: go back, load the page anew, and send it again"));
    }
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::empty()))
}

fn forged(detail: &str) -> Problem {
    Problem::new(axum::http::StatusCode::FORBIDDEN, "forged-form", detail)
}

/// Reads the session's token from the cookies.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value.to_owned())
}

/// Returns the proof that belongs to a session; it tells nothing about the token.
pub(super) fn csrf_of(token: &str) -> String {
    Digest::of(format!("fitment console form\n{token}").as_bytes()).as_str().to_owned()
}

fn same(wanted: &str, given: &str) -> bool {
    wanted.as_bytes().ct_eq(given.as_bytes()).into()
}

/// Tells whether a browser says that a form comes from a page of this origin. One that says nothing is not believed.
fn from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let authority = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    authority.is_some() && authority == text("host")
}
