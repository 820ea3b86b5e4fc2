//! The marketplace's HTTP API as a client sees it: JSON in, JSON or a problem out.

mod events;

use std::error::Error;
use std::time::Duration;

use fitment_domain::validation::{Problem, Report};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::{Failure, problem_lines};
use crate::profile::Profile;
use crate::table::clean;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// A stream of events ends by itself after an hour.
const STREAM_TIMEOUT: Duration = Duration::from_secs(3_700);
const REPLY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A marketplace, and in whose name it is asked.
pub struct Api {
    http: Client,
    base: Url,
    token: Option<String>,
}

/// A refusal as the marketplace words it (RFC 9457), with what this kind of refusal adds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Refusal {
    pub title: String,
    pub status: u16,
    pub code: String,
    pub detail: String,
    pub errors: Vec<String>,
    pub request_id: String,
    /// What helps, where this side knows it.
    #[serde(skip)]
    pub remedy: Option<&'static str>,
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{}", .0.lines())]
    Refused(Box<Refusal>),
    #[error(
        "cannot reach {url}: {cause}. Is the marketplace running there, and is the address right? `fitment login --url URL` sets another"
    )]
    Network { url: Url, cause: String },
    #[error("{url} answered {status}, and not as a Fitment marketplace does: {problem}. Is the address right?")]
    Foreign { url: Url, status: u16, problem: String },
    #[error("{0}")]
    Setup(String),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(refusal) => Failure::Refused(refusal.lines()),
            other => Failure::Environment(other.to_string()),
        }
    }
}

impl Refusal {
    /// Renders the refusal: what was refused, each reason, and by what the operator finds it in the log.
    pub fn lines(&self) -> String {
        let mut lines = vec![clean(if self.detail.is_empty() { &self.title } else { &self.detail })];
        lines.extend(self.errors.iter().map(|error| format!("  - {}", clean(error))));
        lines.extend(self.report().problems.iter().map(problem_lines));
        for device in self.more.get("devices").and_then(Value::as_array).into_iter().flatten() {
            let reasons: Vec<&str> =
                device["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            lines.push(clean(&format!(
                "  - {}: {}",
                device["name"].as_str().unwrap_or("a device"),
                reasons.join("; ")
            )));
        }
        lines.push(clean(&format!("  code: {}, request: {}", self.code, self.request_id)));
        lines.extend(self.remedy.map(|remedy| format!("  remedy: {remedy}")));
        lines.join("\n")
    }

    /// Returns the validation report of a refused upload; empty for other refusals.
    pub fn report(&self) -> Report {
        let report = self.more.get("report").cloned().unwrap_or_default();
        let problems: Vec<Problem> = serde_json::from_value(report["problems"].clone()).unwrap_or_default();
        Report { problems }
    }
}

impl Api {
    /// Makes a client without a sign-in.
    pub fn at(url: &str) -> Result<Self, ApiError> {
        let setup = |text: String| ApiError::Setup(text);
        let base = Url::parse(url)
            .map_err(|e| setup(format!("--url {url:?} is no address ({e}): write https://host or http://host:port")))?;
        if !matches!(base.scheme(), "http" | "https") || !base.username().is_empty() || base.password().is_some() {
            return Err(setup(format!(
                "--url {:?} must be https://host or http://host:port, without user name",
                base.host_str().unwrap_or(url)
            )));
        }
        let mut builder = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A token goes to the address that was signed in to, and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("fitment/", env!("CARGO_PKG_VERSION")));
        if base.scheme() == "http" {
            // Plain HTTP works on machines without certificates of authorities.
            builder = builder.tls_certs_only([]);
        }
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| {
            setup(format!(
                "HTTPS cannot be set up: {}. On Debian the certificates are in the package ca-certificates",
                root_cause(&e)
            ))
        })?;
        Ok(Self { http, base, token: None })
    }

    /// Makes a client that is signed in.
    pub fn signed_in(profile: &Profile) -> Result<Self, ApiError> {
        Ok(Self { token: Some(profile.token.clone()), ..Self::at(&profile.url)? })
    }

    /// Returns whether what is sent can be read on its way.
    pub fn is_exposed(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// Returns the address without trailing slash.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Asks for something.
    pub async fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, ApiError> {
        self.send(self.request(Method::GET, path, query)?).await
    }

    /// Makes something.
    pub async fn post(&self, path: &[&str], body: &Value) -> Result<Value, ApiError> {
        self.send(self.request(Method::POST, path, &[])?.json(body)).await
    }

    /// Sets something.
    pub async fn put(&self, path: &[&str], body: &Value) -> Result<Value, ApiError> {
        self.send(self.request(Method::PUT, path, &[])?.json(body)).await
    }

    /// Changes a part of something.
    pub async fn patch(&self, path: &[&str], body: &Value) -> Result<Value, ApiError> {
        self.send(self.request(Method::PATCH, path, &[])?.json(body)).await
    }

    /// Sends a table.
    pub async fn post_csv(&self, path: &[&str], table: String) -> Result<Value, ApiError> {
        self.send(self.request(Method::POST, path, &[])?.header("content-type", "text/csv").body(table)).await
    }

    /// Removes something.
    pub async fn delete(&self, path: &[&str]) -> Result<Value, ApiError> {
        self.send(self.request(Method::DELETE, path, &[])?).await
    }

    /// Removes something that answers with what is left.
    pub async fn take_back(&self, path: &[&str]) -> Result<Value, ApiError> {
        self.send(self.request(Method::DELETE, path, &[])?).await
    }

    /// Reads a stream of events to its end, and hands each on: its name and its data.
    pub async fn events(&self, path: &[&str], mut each: impl FnMut(&str, Value)) -> Result<(), ApiError> {
        let request = self.request(Method::GET, path, &[])?.timeout(STREAM_TIMEOUT);
        let mut response = request.send().await.map_err(|e| self.unreachable(e))?;
        if !response.status().is_success() {
            return self.answer(response).await.map(|_| ());
        }
        let mut lines = events::Lines::default();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(e))? {
            lines.feed(&chunk, &mut each);
        }
        Ok(())
    }

    /// Sends files.
    pub async fn post_form(&self, path: &[&str], form: reqwest::multipart::Form) -> Result<Value, ApiError> {
        self.send(self.request(Method::POST, path, &[])?.multipart(form)).await
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> Result<RequestBuilder, ApiError> {
        // Segments are encoded one by one: what a person typed never reaches another route.
        if path.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
            return Err(ApiError::Setup("an id or a name on the command line is empty or made of dots".to_owned()));
        }
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => segments.pop_if_empty().extend(["api", "v1"]).extend(path),
            Err(()) => return Err(ApiError::Setup(format!("{} cannot be a marketplace's address", self.base))),
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, ApiError> {
        self.answer(request.send().await.map_err(|e| self.unreachable(e))?).await
    }

    async fn answer(&self, response: Response) -> Result<Value, ApiError> {
        let (url, status) = (response.url().clone(), response.status());
        let is_problem = response
            .headers()
            .get("content-type")
            .is_some_and(|t| t.as_bytes().starts_with(b"application/problem+json"));
        let body = self.read(response).await?;
        let foreign = |problem: String| ApiError::Foreign { url: url.clone(), status: status.as_u16(), problem };
        if is_problem {
            let mut refusal: Refusal =
                serde_json::from_slice(&body).map_err(|e| foreign(format!("its problem does not read: {e}")))?;
            let token_refused = refusal.status == 401 && self.token.is_some();
            refusal.remedy =
                token_refused.then_some("sign in with `fitment login`, or name another sign-in with --profile");
            return Err(ApiError::Refused(Box::new(refusal)));
        }
        if !status.is_success() {
            return Err(foreign("an error without a problem document".to_owned()));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|e| foreign(format!("the answer is no JSON: {e}")))
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, ApiError> {
        let (url, status) = (response.url().clone(), response.status().as_u16());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(e))? {
            if body.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(ApiError::Foreign {
                    url,
                    status,
                    problem: format!("the answer is larger than {REPLY_BYTES_MAX} bytes"),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: reqwest::Error) -> ApiError {
        let url = error.url().cloned().unwrap_or_else(|| self.base.clone());
        let cause = if error.is_timeout() {
            format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())
        } else {
            root_cause(&error)
        };
        ApiError::Network { url, cause }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The outer layers of a network error only say "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    text.find(" (os error").map_or(text.clone(), |end| text[..end].to_lowercase())
}
