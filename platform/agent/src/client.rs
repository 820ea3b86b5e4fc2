//! The agent's side of the protocol. Every connection is made from here, with mutual TLS, to the one server that is pinned.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use fitment_domain::artifact::{ARTIFACT_BYTES_MAX, Mismatch};
use fitment_domain::bytes::Digest;
use fitment_domain::device::Facts;
use fitment_domain::id::TransactionId;
use fitment_domain::package::PackageLimits;
use fitment_domain::protocol::{
    Acknowledged, AskInstructions, Availability, ComeAgain, Enrol, Enrolled, InstructionsAnswer, OrderProgress, Renew,
    Renewed, Results, StartOrder, refusal, route,
};
use fitment_domain::signature::Envelope;
use reqwest::{Method, RequestBuilder, Response, Url};
use rustls::{AlertDescription, ClientConfig};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;

use crate::problem::{CallError, ProblemDocument};
use crate::tls::{self, BadTls, Credentials};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const OBJECT_TIMEOUT: Duration = Duration::from_secs(300);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BadClient {
    #[error(transparent)]
    Tls(#[from] BadTls),
    #[error("the server's address {0:?} is not like https://host:port")]
    Address(String),
    #[error("the HTTP client cannot be built: {0}")]
    Http(String),
}

/// Speaks to one server with one certificate, which can be exchanged for the next one.
pub struct Client {
    server: Url,
    inner: RwLock<Inner>,
    expired: Notify,
}

#[derive(Clone)]
struct Inner {
    http: reqwest::Client,
    tls: ClientConfig,
}

impl Inner {
    fn new(server: &Url, credentials: Credentials<'_>) -> Result<Self, BadClient> {
        let tls = tls::config(credentials)?;
        let mut builder = reqwest::Client::builder()
            // The server closes what is silent for 15 seconds: the agent lets go earlier, or a request would meet the close.
            .pool_idle_timeout(std::time::Duration::from_secs(10))
            .tls_backend_preconfigured(tls.clone())
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_keepalive(Duration::from_secs(30))
            .user_agent(concat!("fitment-agent/", env!("CARGO_PKG_VERSION")));
        if is_loopback(server) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| BadClient::Http(words(&e)))?;
        Ok(Self { http, tls })
    }
}

fn is_loopback(server: &Url) -> bool {
    let host = host(server);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn host(server: &Url) -> &str {
    server.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

impl Client {
    /// Builds a client for a server, `https://host:port`.
    pub fn new(server: &str, credentials: Credentials<'_>) -> Result<Self, BadClient> {
        let address = || BadClient::Address(server.chars().take(200).collect());
        let server: Url = server.parse().map_err(|_| address())?;
        if server.scheme() != "https" || server.host_str().is_none() {
            return Err(address());
        }
        let inner = RwLock::new(Inner::new(&server, credentials)?);
        Ok(Self { server, inner, expired: Notify::new() })
    }

    /// Returns when the server has refused the certificate as expired since the last time. It knows better than this
    /// machine's clock.
    pub async fn expired(&self) {
        self.expired.notified().await;
    }

    /// Shows another certificate from now on.
    pub fn exchange(&self, credentials: Credentials<'_>) -> Result<(), BadClient> {
        let next = Inner::new(&self.server, credentials)?;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// Asks for a certificate of the agent's own, with the zero certificate.
    pub async fn enrol(&self, enrol: &Enrol) -> Result<Enrolled, CallError> {
        self.post(route::ENROL, enrol, ANSWER_TIMEOUT).await
    }

    /// Asks for the next certificate.
    pub async fn renew(&self, renew: &Renew) -> Result<Renewed, CallError> {
        self.post(route::RENEW, renew, ANSWER_TIMEOUT).await
    }

    /// Says that the agent is there, and waits for something to do.
    pub async fn availability(&self, availability: &Availability) -> Result<ComeAgain, CallError> {
        let timeout = ANSWER_TIMEOUT + Duration::from_millis(availability.wait_ms);
        self.post(route::AVAILABILITY, availability, timeout).await
    }

    /// Asks whether the set is current.
    pub async fn instructions(&self, ask: &AskInstructions) -> Result<InstructionsAnswer, CallError> {
        self.post(route::INSTRUCTIONS, ask, ANSWER_TIMEOUT).await
    }

    /// Fetches an order. What came is not verified yet.
    pub async fn order(&self, transaction: &TransactionId) -> Result<Envelope, CallError> {
        self.post(&format!("{}/{transaction}", route::TRANSACTIONS), &serde_json::json!({}), ANSWER_TIMEOUT).await
    }

    /// Asks to start an order.
    pub async fn start_order(&self, transaction: &TransactionId, start: &StartOrder) -> Result<(), CallError> {
        let path = format!("{}/{transaction}/start", route::TRANSACTIONS);
        self.send(Method::POST, &path, |request| request.json(start), ANSWER_TIMEOUT).await.map(|_| ())
    }

    /// Says how far an order is.
    pub async fn order_progress(&self, transaction: &TransactionId, told: &OrderProgress) -> Result<(), CallError> {
        let path = format!("{}/{transaction}/progress", route::TRANSACTIONS);
        self.send(Method::POST, &path, |request| request.json(told), ANSWER_TIMEOUT).await.map(|_| ())
    }

    /// Delivers a batch of results.
    pub async fn results(&self, results: &Results) -> Result<Acknowledged, CallError> {
        self.post(route::RESULTS, results, ANSWER_TIMEOUT).await
    }

    /// Reports what is known of the device.
    pub async fn facts(&self, facts: &Facts) -> Result<(), CallError> {
        self.send(Method::PUT, route::FACTS, |request| request.json(facts), ANSWER_TIMEOUT).await.map(|_| ())
    }

    /// Fetches a component. What came is not verified yet.
    pub async fn object(&self, digest: &Digest) -> Result<Vec<u8>, CallError> {
        let path = format!("{}/{digest}", route::OBJECTS);
        let answer = self.send(Method::GET, &path, |request| request, OBJECT_TIMEOUT).await?;
        body(answer, PackageLimits::standard().large_component_bytes_max).await
    }

    /// Fetches compiled code. What came is not judged yet.
    pub async fn artifact(&self, digest: &Digest) -> Result<Vec<u8>, CallError> {
        let path = format!("{}/{digest}", route::ARTIFACTS);
        let answer = self.send(Method::GET, &path, |request| request, OBJECT_TIMEOUT).await?;
        body(answer, ARTIFACT_BYTES_MAX).await
    }

    /// Tells that compiling here came to something else.
    pub async fn mismatch(&self, digest: &Digest, said: &Mismatch) -> Result<(), CallError> {
        let path = format!("{}/{digest}/mismatch", route::ARTIFACTS);
        self.send(Method::POST, &path, |request| request.json(said), ANSWER_TIMEOUT).await.map(|_| ())
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl serde::Serialize,
        timeout: Duration,
    ) -> Result<T, CallError> {
        let answer = self.send(Method::POST, path, |request| request.json(message), timeout).await?;
        let bytes = body(answer, ANSWER_BYTES_MAX).await?;
        serde_json::from_slice(&bytes).map_err(|e| CallError::BadAnswer(format!("{path}: {e}")))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        fill: impl FnOnce(RequestBuilder) -> RequestBuilder,
        timeout: Duration,
    ) -> Result<Response, CallError> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner).clone();
        let url = self.server.join(path).map_err(|e| CallError::BadAnswer(e.to_string()))?;
        match fill(inner.http.request(method, url)).timeout(timeout).send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer),
            Ok(answer) => {
                let error = refused(answer).await;
                // A server that was restored from a backup does not know the certificate, but it may know the key.
                if matches!(error.code(), refusal::EXPIRED | refusal::UNKNOWN) {
                    self.expired.notify_one();
                }
                Err(error)
            }
            Err(error) => Err(self.unanswered(&error, inner.tls).await),
        }
    }

    async fn unanswered(&self, error: &reqwest::Error, tls: ClientConfig) -> CallError {
        let mut alert = tls::alert_in(error);
        if alert.is_none() && !error.is_connect() && !error.is_timeout() {
            let (host, port) = (host(&self.server).to_owned(), self.server.port_or_known_default().unwrap_or(443));
            alert = tokio::task::spawn_blocking(move || tls::probe(tls, &host, port)).await.unwrap_or_default();
        }
        match alert {
            Some(AlertDescription::UnknownCA) => CallError::Refused {
                status: None,
                code: refusal::FOREIGN.to_owned(),
                detail: "the server does not know the authority that issued this certificate (TLS alert unknown_ca)"
                    .to_owned(),
            },
            _ => CallError::Unreachable(words(error)),
        }
    }
}

/// Returns an error with everything that caused it, in one line.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

async fn refused(answer: Response) -> CallError {
    let status = answer.status().as_u16();
    let document = body(answer, PROBLEM_BYTES_MAX).await.ok();
    let document =
        document.and_then(|bytes| serde_json::from_slice::<ProblemDocument>(&bytes).ok()).unwrap_or_default();
    document.into_refusal(status)
}

async fn body(mut answer: Response, bytes_max: usize) -> Result<Vec<u8>, CallError> {
    let too_large = || CallError::BadAnswer(format!("the answer is larger than {bytes_max} bytes"));
    if answer.content_length().is_some_and(|length| length > bytes_max as u64) {
        return Err(too_large());
    }
    // Components and compiled code are large: a buffer that grows would hold them nearly twice.
    let announced = answer.content_length().and_then(|length| usize::try_from(length).ok());
    let mut bytes = Vec::with_capacity(announced.unwrap_or_default());
    while let Some(chunk) = answer.chunk().await.map_err(|e| CallError::Unreachable(words(&e)))? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
