//! The HTTP client: TLS 1.2 or 1.3 by ring, the system's roots and what the operator adds, every connection through [`Egress`].
//! No proxy, no redirect and no decompression, because nothing here knows how.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use fitment_domain::egress::Naming;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::tls::{Trust, configuration};
use super::{ANSWER_HEADER_BYTES_MAX, ANSWER_HEADERS_MAX, HttpHostError};
use crate::egress::Egress;

const HANDSHAKE_WAIT_MAX: Duration = Duration::from_secs(10);
const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Sends requests, and keeps connections for those that follow. One belongs to one tenant's connection or to one device.
pub(super) type Client = hyper_util::client::legacy::Client<Dialler, Full<Bytes>>;

/// What clients of one host share.
pub(super) fn tls(trust: &Trust) -> Result<TlsConnector, HttpHostError> {
    Ok(TlsConnector::from(Arc::new(configuration(trust)?)))
}

/// Makes a client that does one request as it is told. `published`: to hosts that a package names, and nobody else. It has connections of
/// its own, so that none is used which leads where this one may not.
pub(super) fn client(tls: TlsConnector, egress: Arc<Egress>, published: bool) -> Client {
    let mut builder = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        // The head of an answer and one part of its body fit in, and no more.
        .http1_max_buf_size(ANSWER_HEADER_BYTES_MAX)
        .http1_max_headers(ANSWER_HEADERS_MAX);
    builder.build(Dialler { egress, tls, published })
}

/// Makes the connections of a client.
#[derive(Clone)]
pub(super) struct Dialler {
    egress: Arc<Egress>,
    tls: TlsConnector,
    published: bool,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

impl tower_service::Service<Uri> for Dialler {
    type Response = Line;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Line, Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Dialler { egress, tls, published } = self.clone();
        Box::pin(async move {
            let host = to.host().ok_or("the address names no host")?;
            let secure = to.scheme_str() == Some("https");
            let port = to.port_u16().unwrap_or(if secure { 443 } else { 80 });
            // Origins are granted one by one, never by a pattern.
            let naming = if published { Naming::of(host).published() } else { Naming::of(host) };
            let stream = egress.connect(host, port, naming).await?.stream;
            if !secure {
                return Ok(Line(TokioIo::new(Box::new(stream))));
            }
            let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            // The client goes on with a connection that lost its race, beyond the time of the run that asked for it.
            let handshake = tls.connect(ServerName::try_from(bare)?, stream);
            let stream = tokio::time::timeout(HANDSHAKE_WAIT_MAX, handshake).await??;
            Ok(Line(TokioIo::new(Box::new(stream))))
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection, with TLS or without.
pub(super) struct Line(TokioIo<Box<dyn Stream>>);

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
