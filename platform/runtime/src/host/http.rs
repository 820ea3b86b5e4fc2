//! `http`: handed to the supervisor, which holds the secrets and the network; this process has neither.

use fitment_domain::run::{self, HostReply, HostRequest};

use crate::contract::offered::http::{HeaderValue, Host, Request, Response};
use crate::contract::offered::types::Fault;
use crate::state::RunState;

const HEADERS_MAX: usize = 64;
const URL_BYTES_MAX: usize = 8 * 1024;

impl Host for RunState {
    async fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, Fault>> {
        self.host_call()?;
        let request = match self.admit(request) {
            Ok(request) => request,
            Err(fault) => return Ok(Err(fault)),
        };
        let answer = match self.supervisor.call(self.run, HostRequest::Http(request)).await {
            Some(HostReply::Http(answer)) => answer,
            _ => Err(run::Fault::Failed("the supervisor did not answer".to_owned())),
        };
        Ok(answer.map(response).map_err(Fault::from))
    }
}

impl RunState {
    /// Checks the request against the budget. Origins and secrets are the supervisor's to check: it is the one that can.
    fn admit(&mut self, request: Request) -> Result<run::HttpRequest, Fault> {
        let body_bytes = request.body.as_ref().map_or(0, Vec::len) as u64;
        if body_bytes > self.budget.http_body_bytes_max {
            return Err(Fault::Exhausted("http_body_bytes_max".to_owned()));
        }
        if request.headers.len() > HEADERS_MAX {
            return Err(Fault::Invalid(format!(
                "headers: {} are too many, at most {HEADERS_MAX}",
                request.headers.len()
            )));
        }
        if request.url.len() > URL_BYTES_MAX {
            return Err(Fault::Invalid(format!("url: longer than {URL_BYTES_MAX} bytes")));
        }
        self.outside_call()?;
        Ok(run::HttpRequest {
            method: request.method,
            url: request.url,
            headers: request.headers.into_iter().map(|(name, value)| (name, header(value))).collect(),
            body: request.body,
            timeout_ms: self.wait_ms(request.timeout_ms),
            body_bytes_max: self.budget.http_body_bytes_max,
        })
    }
}

fn header(value: HeaderValue) -> run::HeaderValue {
    match value {
        HeaderValue::Plain(text) => run::HeaderValue::Plain(text),
        HeaderValue::Bearer(secret) => run::HeaderValue::Bearer(secret),
        HeaderValue::Basic((user, secret)) => run::HeaderValue::Basic(user, secret),
        HeaderValue::Secret(secret) => run::HeaderValue::Secret(secret),
        HeaderValue::Templated(text) => run::HeaderValue::Templated(text),
    }
}

fn response(response: run::HttpResponse) -> Response {
    Response {
        status: response.status,
        headers: response.headers,
        body: response.body,
        truncated: response.truncated,
        duration_ms: response.duration_ms,
    }
}
