//! Speaking with Request Tracker: addresses, the sign-in, and what its answers mean.

use fitment_sdk::http::{Request, Response};
use fitment_sdk::ticketing::Error;
use fitment_sdk::{Context, log};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::wire::Refusal;

pub(crate) struct Client {
    pub(crate) config: Config,
}

impl Client {
    pub(crate) fn new(ctx: &Context) -> Result<Self, Error> {
        let mut config: Config = ctx.config().map_err(Error::of_read)?;
        config.url.truncate(config.url.trim_end_matches('/').len());
        if config.url.is_empty() {
            return Err(Error::invalid_field("url", "say where Request Tracker is, such as https://rt.example.com"));
        }
        Ok(Self { config })
    }

    /// Starts a reading request; the path begins after `/REST/2.0`.
    pub(crate) fn get(&self, path: &str) -> Request {
        Request::get(self.address(path))
    }

    /// Sends a request that changes nothing, and reads its JSON answer.
    pub(crate) fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        json(&self.read_response(request)?)
    }

    pub(crate) fn read_response(&self, request: Request) -> Result<Response, Error> {
        let what = name(&request);
        let response = signed(request).send().map_err(|fault| {
            log::warn(&format!("{what}: {}", fault.to_text()));
            Error::of_read(fault)
        })?;
        accept(response, false)
    }

    /// Sends a request that changes something. `expected` is the version that may be changed, if only that one may.
    pub(crate) fn write<T: Serialize>(
        &self,
        method: &str,
        path: &str,
        body: &T,
        expected: Option<&str>,
    ) -> Result<Response, Error> {
        let mut request = Request::new(method, self.address(path)).json(body).map_err(Error::of_read)?;
        if let Some(version) = expected {
            request = request.header("If-Match", version);
        }
        let what = name(&request);
        let response = signed(request).send().map_err(|fault| {
            log::warn(&format!("{what}: {}", fault.to_text()));
            Error::of_write(fault)
        })?;
        accept(response, true)
    }

    fn address(&self, path: &str) -> String {
        [&self.config.url, "/REST/2.0", path].concat()
    }
}

fn signed(request: Request) -> Request {
    request.header("Accept", "application/json").header_templated("Authorization", "token {{secret:token}}")
}

/// What a request is called in the log.
fn name(request: &Request) -> String {
    [&request.method, " ", request.url.split('?').next().unwrap_or_default()].concat()
}

/// Reads the JSON of an answer that had to be some.
pub(crate) fn json<T: DeserializeOwned>(response: &Response) -> Result<T, Error> {
    response.json().map_err(|fault| Error::BadResponse(fault.to_text()))
}

/// Turns every status but success into the error that it means.
fn accept(response: Response, writes: bool) -> Result<Response, Error> {
    if response.is_success() { Ok(response) } else { Err(refusal(&response, writes)) }
}

fn refusal(response: &Response, writes: bool) -> Error {
    let wait_ms =
        || response.header("Retry-After").and_then(|s| s.trim().parse::<u64>().ok()).map(|s| s.saturating_mul(1000));
    let message = || response.json::<Refusal>().map_or_else(|_| format!("status {}", response.status), |r| r.message);
    match response.status {
        300..=399 => Error::BadResponse("the configured address redirects: write the final one into `url`".to_owned()),
        401 => Error::AuthFailed("Request Tracker refuses the token: make a new one and enter it again".to_owned()),
        403 => Error::Forbidden(message()),
        404 | 410 => Error::NotFound,
        412 => Error::Conflict,
        429 => Error::RateLimited(wait_ms()),
        400 | 409 | 422 if writes => refused(&message()),
        503 => Error::Unavailable(wait_ms()),
        // A gateway gave up, or Request Tracker broke half-way: what it had done by then, nobody knows.
        500..=599 if writes => Error::OutcomeUnknown(message()),
        500..=599 => Error::Unavailable(wait_ms()),
        _ => Error::BadResponse(message()),
    }
}

/// Request Tracker refuses in words, and names no field: the known beginnings tell which one is meant.
fn refused(message: &str) -> Error {
    if message.contains("Permission Denied") {
        return Error::Forbidden(message.to_owned());
    }
    let field = if message.starts_with("Status") { "status" } else { "ticket" };
    Error::invalid_field(field, message)
}
