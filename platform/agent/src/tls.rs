//! Mutual TLS: the agent trusts one authority only, and shows one certificate.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore};

const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
const PROBE_READS_MAX: usize = 8;

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    #[error("{what} does not read: {reason}")]
    Pem { what: &'static str, reason: String },
    #[error("{0} holds no certificate")]
    Empty(&'static str),
    #[error("certificate and key do not go together: {0}")]
    Pair(rustls::Error),
}

/// What a client shows and what it trusts, PEM.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    pub server_ca_pem: &'a str,
    pub certificate_pem: &'a str,
    pub private_key_pem: &'a str,
}

fn certificates(what: &'static str, pem: &str) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if all.is_empty() => Err(BadTls::Empty(what)),
        Ok(all) => Ok(all),
        Err(e) => Err(BadTls::Pem { what, reason: e.to_string() }),
    }
}

/// Builds the configuration. The system's authorities are not trusted; the key must be the certificate's.
pub fn config(credentials: Credentials<'_>) -> Result<ClientConfig, BadTls> {
    let mut roots = RootCertStore::empty();
    let what = "the server's authority";
    for authority in certificates(what, credentials.server_ca_pem)? {
        roots.add(authority).map_err(|e| BadTls::Pem { what, reason: e.to_string() })?;
    }
    let chain = certificates("the certificate", credentials.certificate_pem)?;
    let key = PrivateKeyDer::from_pem_slice(credentials.private_key_pem.as_bytes())
        .map_err(|e| BadTls::Pem { what: "the private key", reason: e.to_string() })?;
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(BadTls::Pair)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(BadTls::Pair)
}

/// Returns the alert with which the other side ended the connection, if that is what an error tells.
pub fn alert_in(error: &(dyn std::error::Error + 'static)) -> Option<AlertDescription> {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error passes over the error inside it when asked for its source.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = inside.and_then(|e| e.downcast_ref()).or_else(|| error.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = found {
            return Some(*alert);
        }
        next = inside.map(|e| e as &(dyn std::error::Error + 'static)).or_else(|| error.source());
    }
    None
}

/// Opens a connection, says nothing, and returns the alert with which the server ends it, if it does.
///
/// With TLS 1.3 the server judges the certificate after the client believes that the handshake is done. A request that is
/// under way by then can meet a reset connection, and the alert is lost. Blocks for up to some seconds.
pub fn probe(config: ClientConfig, host: &str, port: u16) -> Option<AlertDescription> {
    let address = (host, port).to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&address, PROBE_TIMEOUT).ok()?;
    socket.set_read_timeout(Some(PROBE_TIMEOUT)).ok()?;
    socket.set_write_timeout(Some(PROBE_TIMEOUT)).ok()?;
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config), name).ok()?;
    // The handshake, then what the server says after it.
    for _ in 0..PROBE_READS_MAX {
        match connection.complete_io(&mut socket) {
            Err(error) => return alert_in(&error),
            Ok((0, 0)) => return None,
            Ok(_) => {}
        }
    }
    None
}
