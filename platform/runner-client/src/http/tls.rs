//! The HTTP client: TLS 1.2 or 1.3 by ring, the system's roots and what the operator adds, no proxy, no redirect, no retry.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::HttpHostError;

const CONNECT_WAIT_MAX: Duration = Duration::from_secs(10);
const IDLE_MAX: Duration = Duration::from_secs(30);
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Certificates that are trusted besides the system's, in DER.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    pub extra_roots_der: Vec<Vec<u8>>,
}

/// Makes a client that does one request as it is told.
pub(super) fn client(trust: &Trust) -> Result<reqwest::Client, HttpHostError> {
    let tls = configuration(trust)?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        // A write whose answer is lost must not be repeated behind the accessory's back.
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .connect_timeout(CONNECT_WAIT_MAX)
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .user_agent(concat!("fitment/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|e| HttpHostError::Client(e.to_string()))
}

fn configuration(trust: &Trust) -> Result<ClientConfig, HttpHostError> {
    let mut roots = system_roots().clone();
    for (index, der) in trust.extra_roots_der.iter().enumerate() {
        let added = roots.add(CertificateDer::from(der.clone()));
        added.map_err(|e| HttpHostError::BadRoot { index, reason: e.to_string() })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.map_err(|e| HttpHostError::Tls(e.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Reads the system's roots once; a machine without any can still reach what the operator trusts.
pub(crate) fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a certificate of the system was not read");
        }
        roots.add_parsable_certificates(found.certs);
        roots
    })
}
