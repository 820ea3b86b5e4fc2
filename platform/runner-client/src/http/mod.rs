//! Host HTTP: one origin or a few, secrets put in here and taken out of answers, nothing followed, everything bounded.

mod client;
mod headers;
mod origin;
mod redact;
mod secrets;
mod send;
mod tls;

use std::sync::Arc;

use fitment_domain::capability::Grants;
use fitment_domain::run::{Fault, HostReply, HostRequest, HttpRequest, HttpResponse};
use futures_util::future::BoxFuture;

pub use secrets::Secrets;
pub use tls::Trust;
pub(crate) use tls::system_roots;

use crate::egress::Egress;
use crate::host::{CallLimits, HostCalls, refused};

/// The most headers of an answer, and the most bytes of its head.
const ANSWER_HEADERS_MAX: usize = 100;
const ANSWER_HEADER_BYTES_MAX: usize = 64 * 1024;

/// Why host HTTP cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum HttpHostError {
    #[error("trusted certificate {index} is none: {reason}")]
    BadRoot { index: usize, reason: String },
    #[error("the TLS configuration: {0}")]
    Tls(String),
}

/// Sends the HTTP requests of the runs of one connection. It has connections of its own: nothing is shared between tenants.
pub struct HttpHost {
    client: client::Client,
    /// To hosts that a package names, and nobody else.
    published: client::Client,
    secrets: Secrets,
    egress: Arc<Egress>,
}

impl HttpHost {
    /// Makes a host with the secrets of one connection, and the way out that its requests take.
    pub fn new(secrets: Secrets, trust: &Trust, egress: Arc<Egress>) -> Result<Self, HttpHostError> {
        let tls = client::tls(trust)?;
        let client = |published| client::client(tls.clone(), Arc::clone(&egress), published);
        Ok(Self { client: client(false), published: client(true), secrets, egress })
    }

    /// Sends a request of a run on a device, whose installation itself names this.
    pub(crate) async fn send(
        &self,
        request: HttpRequest,
        grants: &Grants,
        named: &Grants,
        limits: CallLimits,
    ) -> Result<HttpResponse, Fault> {
        let client = if send::is_within(&request, named) { &self.client } else { &self.published };
        send::send(client, &self.secrets, request, grants, limits).await
    }

    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
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
