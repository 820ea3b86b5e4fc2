//! One request, from the grant to the answer.

use std::time::{Duration, Instant};

use fitment_domain::capability::{Grants, Permission, Scope};
use fitment_domain::run::{Fault, HttpRequest, HttpResponse};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Uri};
use url::Url;

use super::ANSWER_HEADER_BYTES_MAX;
use super::client::Client;
use super::headers::Sealing;
use super::origin::Origin;
use super::redact::{redact, redact_text};
use super::secrets::Secrets;
use crate::egress::NoConnection;
use crate::host::CallLimits;

const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
/// Within each such time of an answer's body so many bytes must come: one that trickles would hold its place for nothing.
const PACE_WINDOW: Duration = Duration::from_secs(5);
const PACE_BYTES_PER_WINDOW: usize = 5 * 1024;
const OURSELVES: &str = concat!("fitment/", env!("CARGO_PKG_VERSION"));

/// Sends a request under its grants and waits for the whole answer.
pub(super) async fn send(
    client: &Client,
    secrets: &Secrets,
    request: HttpRequest,
    grants: &Grants,
    limits: CallLimits,
) -> Result<HttpResponse, Fault> {
    let scope = grants.scope(Permission::Http).ok_or_else(|| Fault::Denied("http".to_owned()))?;
    let method = method(&request.method)?;
    let url = Url::parse(&request.url).map_err(|e| Fault::Invalid(format!("url: {e}")))?;
    let origin = Origin::of(&url).map_err(|reason| Fault::Invalid(format!("url: {reason}")))?;
    if !has(scope, &origin) {
        return Err(Fault::Denied(format!("http {origin}")));
    }
    let body = request.body.unwrap_or_default();
    if body.len() as u64 > limits.body_bytes_max {
        return Err(Fault::Exhausted("http_body_bytes_max".to_owned()));
    }
    let sealing = Sealing { secrets, origin: &origin, granted: &scope.secrets };
    let sealed = sealing.seal(request.headers)?;
    let mut needles = sealed.derived;
    needles.extend(secrets.values().map(str::to_owned));
    let wait_ms = u64::from(request.timeout_ms).min(limits.remaining_ms);
    let outgoing = outgoing(method, &url, sealed.headers, body)?;
    let bytes_max = usize::try_from(request.body_bytes_max.min(limits.body_bytes_max)).unwrap_or(usize::MAX);
    let exchange = exchange(client, outgoing, &needles, bytes_max);
    tokio::time::timeout(Duration::from_millis(wait_ms), exchange).await.map_err(|_elapsed| Fault::TimedOut)?
}

/// Returns whether a request goes to an origin of these grants.
pub(super) fn is_within(request: &HttpRequest, grants: &Grants) -> bool {
    let origin = Url::parse(&request.url).ok().and_then(|url| Origin::of(&url).ok());
    origin.is_some_and(|origin| grants.scope(Permission::Http).is_some_and(|scope| has(scope, &origin)))
}

fn has(scope: &Scope, origin: &Origin) -> bool {
    scope.origins.iter().any(|granted| Origin::parse(granted).as_ref() == Some(origin))
}

fn method(name: &str) -> Result<Method, Fault> {
    let known = METHODS.iter().find(|method| method.as_str() == name);
    known.cloned().ok_or_else(|| {
        let shown: String = name.chars().take(20).collect();
        Fault::Invalid(format!("method {shown:?} is not GET, HEAD, POST, PUT, PATCH or DELETE"))
    })
}

/// An empty body is none: a GET with `content-length: 0` is refused by some servers.
fn outgoing(method: Method, url: &Url, headers: HeaderMap, body: Vec<u8>) -> Result<Request<Full<Bytes>>, Fault> {
    let mut plain = url.clone();
    plain.set_fragment(None);
    let address: Uri = plain.as_str().parse().map_err(|e| Fault::Invalid(format!("url: {e}")))?;
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = method;
    *request.uri_mut() = address;
    *request.headers_mut() = headers;
    request.headers_mut().entry(USER_AGENT).or_insert(HeaderValue::from_static(OURSELVES));
    Ok(request)
}

async fn exchange(
    client: &Client,
    outgoing: Request<Full<Bytes>>,
    needles: &[String],
    bytes_max: usize,
) -> Result<HttpResponse, Fault> {
    let started = Instant::now();
    let answer = client.request(outgoing).await.map_err(|e| failed(&e, needles))?;
    let status = answer.status().as_u16();
    let headers = headers(answer.headers(), needles)?;
    let (body, truncated) = body(answer.into_body(), needles, bytes_max).await?;
    Ok(HttpResponse { status, headers, body, truncated, duration_ms: started.elapsed().as_secs_f64() * 1000.0 })
}

fn headers(headers: &HeaderMap, needles: &[String]) -> Result<Vec<(String, String)>, Fault> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > ANSWER_HEADER_BYTES_MAX {
        return Err(Fault::Failed(format!("the answer's headers are larger than {ANSWER_HEADER_BYTES_MAX} bytes")));
    }
    let text = |value: &[u8]| redact_text(&String::from_utf8_lossy(value), needles);
    Ok(headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect())
}

/// Reads the body up to its bound, and a little more: a secret that the bound would cut in two must still be recognised.
async fn body(mut answer: Incoming, needles: &[String], bytes_max: usize) -> Result<(Vec<u8>, bool), Fault> {
    let longest = needles.iter().map(String::len).max().unwrap_or(0);
    let read_max = bytes_max.saturating_add(longest);
    let mut bytes = Vec::new();
    let mut more = false;
    let mut pace = Pace::begin();
    while let Some(part) = pace.within(answer.frame()).await? {
        let part = part.map_err(|e| failed(&e, needles))?;
        let chunk = part.data_ref().map(|chunk| &chunk[..]).unwrap_or_default();
        pace.came(chunk.len());
        let room = read_max - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            more = true;
            break;
        }
    }
    let truncated = more || bytes.len() > bytes_max;
    if truncated {
        bytes = cut(bytes, needles, bytes_max);
    }
    let mut clean = redact(bytes, needles);
    let truncated = truncated || clean.len() > bytes_max;
    clean.truncate(bytes_max);
    Ok((clean, truncated))
}

/// Cuts at the bound, or before a secret that stands across it.
fn cut(mut bytes: Vec<u8>, needles: &[String], bytes_max: usize) -> Vec<u8> {
    let across = |needle: &String| {
        let first = bytes_max.saturating_sub(needle.len().saturating_sub(1));
        (first..bytes_max).find(|at| !needle.is_empty() && bytes[*at..].starts_with(needle.as_bytes()))
    };
    let end = needles.iter().filter_map(across).min().unwrap_or(bytes_max);
    bytes.truncate(end.min(bytes_max));
    bytes
}

/// How fast a body comes.
struct Pace {
    window_ends: tokio::time::Instant,
    bytes: usize,
}

impl Pace {
    fn begin() -> Self {
        Self { window_ends: tokio::time::Instant::now() + PACE_WINDOW, bytes: 0 }
    }

    fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Waits for the next part, as long as the body comes fast enough.
    async fn within<T>(&mut self, next: impl Future<Output = T>) -> Result<T, Fault> {
        let mut next = std::pin::pin!(next);
        loop {
            if let Ok(part) = tokio::time::timeout_at(self.window_ends, &mut next).await {
                return Ok(part);
            }
            if self.bytes < PACE_BYTES_PER_WINDOW {
                return Err(Fault::TimedOut);
            }
            *self = Self::begin();
        }
    }
}

/// Says what failed, without any secret.
fn failed(error: &(dyn std::error::Error + 'static), needles: &[String]) -> Fault {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(no_connection) = cause.downcast_ref::<NoConnection>() {
            return no_connection.fault("http");
        }
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Fault::Failed(redact_text(&text, needles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_across_the_bound_is_not_cut_in_two() {
        let needles = ["hunter2".to_owned()];
        assert_eq!(cut(b"0123hunter2rest".to_vec(), &needles, 8), b"0123");
        assert_eq!(cut(b"0123hunter2rest".to_vec(), &needles, 11), b"0123hunter2");
        assert_eq!(cut(b"0123456789".to_vec(), &needles, 8), b"01234567");
    }
}
