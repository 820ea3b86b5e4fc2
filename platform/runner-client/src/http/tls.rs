//! Whom a client trusts: the system's roots and what the operator adds.

use std::sync::{Arc, OnceLock};

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::HttpHostError;

/// Certificates that are trusted besides the system's, in DER.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    pub extra_roots_der: Vec<Vec<u8>>,
}

/// Makes the TLS side of a client.
pub(super) fn configuration(trust: &Trust) -> Result<ClientConfig, HttpHostError> {
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
