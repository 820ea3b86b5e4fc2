//! Host HTTP: one origin or a few, secrets put in here and taken out of answers, nothing followed, everything bounded.

mod headers;
mod origin;
mod redact;
mod secrets;
mod send;
mod tls;

use fitment_domain::capability::Grants;
use fitment_domain::run::{Fault, HostReply, HostRequest};
use futures_util::future::BoxFuture;

pub use secrets::Secrets;
pub use tls::Trust;
pub(crate) use tls::system_roots;

use crate::host::{CallLimits, HostCalls, refused};

/// Why host HTTP cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum HttpHostError {
    #[error("trusted certificate {index} is none: {reason}")]
    BadRoot { index: usize, reason: String },
    #[error("the TLS configuration: {0}")]
    Tls(String),
    #[error("the HTTP client: {0}")]
    Client(String),
}

/// Sends the HTTP requests of the runs of one connection. It has connections of its own: nothing is shared between tenants.
pub struct HttpHost {
    client: reqwest::Client,
    secrets: Secrets,
}

impl HttpHost {
    /// Makes a host with the secrets of one connection.
    pub fn new(secrets: Secrets, trust: &Trust) -> Result<Self, HttpHostError> {
        Ok(Self { client: tls::client(trust)?, secrets })
    }
}

impl HostCalls for HttpHost {
    fn call<'a>(&'a self, request: HostRequest, grants: &'a Grants, limits: CallLimits) -> BoxFuture<'a, HostReply> {
        Box::pin(async move {
            match request {
                HostRequest::Http(request) => {
                    HostReply::Http(send::send(&self.client, &self.secrets, request, grants, limits).await)
                }
                other => refused(&other, Fault::Unsupported("this host call on the server".to_owned())),
            }
        })
    }
}
