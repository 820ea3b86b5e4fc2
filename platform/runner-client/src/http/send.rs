//! One request, from the grant to the answer.

use std::time::{Duration, Instant};

use fitment_domain::capability::{Grants, Permission};
use fitment_domain::run::{Fault, HttpRequest, HttpResponse};
use reqwest::{Method, Response, Url};

use super::headers::Sealing;
use super::origin::Origin;
use super::redact::{redact, redact_text};
use super::secrets::Secrets;
use crate::host::CallLimits;

const METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const ANSWER_HEADER_BYTES_MAX: usize = 64 * 1024;

/// Sends a request under its grants and waits for the whole answer.
pub(super) async fn send(
    client: &reqwest::Client,
    secrets: &Secrets,
    request: HttpRequest,
    grants: &Grants,
    limits: CallLimits,
) -> Result<HttpResponse, Fault> {
    let scope = grants.scope(Permission::Http).ok_or_else(|| Fault::Denied("http".to_owned()))?;
    let method = method(&request.method)?;
    let url = Url::parse(&request.url).map_err(|e| Fault::Invalid(format!("url: {e}")))?;
    let origin = Origin::of(&url).map_err(|reason| Fault::Invalid(format!("url: {reason}")))?;
    if !scope.origins.iter().any(|granted| Origin::parse(granted).as_ref() == Some(&origin)) {
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
    let outgoing = client.request(method, url).headers(sealed.headers);
    // An empty body is none: a GET with `content-length: 0` is refused by some servers.
    let outgoing = if body.is_empty() { outgoing } else { outgoing.body(body) };
    let bytes_max = usize::try_from(request.body_bytes_max.min(limits.body_bytes_max)).unwrap_or(usize::MAX);
    let exchange = exchange(outgoing, &needles, bytes_max);
    tokio::time::timeout(Duration::from_millis(wait_ms), exchange).await.map_err(|_elapsed| Fault::TimedOut)?
}

fn method(name: &str) -> Result<Method, Fault> {
    let known = METHODS.iter().find(|method| method.as_str() == name);
    known.cloned().ok_or_else(|| {
        let shown: String = name.chars().take(20).collect();
        Fault::Invalid(format!("method {shown:?} is not GET, HEAD, POST, PUT, PATCH or DELETE"))
    })
}

async fn exchange(
    outgoing: reqwest::RequestBuilder,
    needles: &[String],
    bytes_max: usize,
) -> Result<HttpResponse, Fault> {
    let started = Instant::now();
    let mut answer = outgoing.send().await.map_err(|e| failed(e, needles))?;
    let status = answer.status().as_u16();
    let headers = headers(&answer, needles)?;
    let (body, truncated) = body(&mut answer, needles, bytes_max).await?;
    Ok(HttpResponse { status, headers, body, truncated, duration_ms: started.elapsed().as_secs_f64() * 1000.0 })
}

fn headers(answer: &Response, needles: &[String]) -> Result<Vec<(String, String)>, Fault> {
    let bytes: usize = answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > ANSWER_HEADER_BYTES_MAX {
        return Err(Fault::Failed(format!("the answer's headers are larger than {ANSWER_HEADER_BYTES_MAX} bytes")));
    }
    let text = |value: &[u8]| redact_text(&String::from_utf8_lossy(value), needles);
    Ok(answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect())
}

/// Reads the body up to its bound, and a little more: a secret that the bound would cut in two must still be recognised.
async fn body(answer: &mut Response, needles: &[String], bytes_max: usize) -> Result<(Vec<u8>, bool), Fault> {
    let longest = needles.iter().map(String::len).max().unwrap_or(0);
    let read_max = bytes_max.saturating_add(longest);
    let mut bytes = Vec::new();
    let mut more = false;
    while let Some(chunk) = answer.chunk().await.map_err(|e| failed(e, needles))? {
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

/// Says what failed without the address, which may hold what the guest should not log, and without any secret.
fn failed(error: reqwest::Error, needles: &[String]) -> Fault {
    if error.is_timeout() {
        return Fault::TimedOut;
    }
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
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
