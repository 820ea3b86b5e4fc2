//! The agents' listener below HTTP: who issued the peer's certificate, and does the peer hold its key? Nothing else is
//! decided here: expiry, revocation and kind are refused one layer up, where an answer can say why.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::{Accept, DefaultAcceptor};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::server::TlsStream;
use tower::Layer as _;

use crate::authority::Authorities;

/// Why the listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
    #[error("certificate file: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error("client verifier: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// The certificate that the peer showed, if it showed one. Its issuer and its key were checked.
#[derive(Debug, Clone)]
pub struct PeerCertificate(pub Option<CertificateDer<'static>>);

/// Makes the configuration of the agents' listener.
pub fn server_config(authorities: &Authorities, certificate: &str, key: &str) -> Result<RustlsConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authorities.bootstrap.pem().as_bytes())?)?;
    roots.add(CertificateDer::from_pem_slice(authorities.devices.pem().as_bytes())?)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(Arc::new(IssuerAndKey(verifier)))
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes())?],
            PrivateKeyDer::from_pem_slice(key.as_bytes())?,
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(RustlsConfig::from_config(Arc::new(config)))
}

/// Checks a certificate as of the moment at which it became valid, so that expiry is not this layer's business.
#[derive(Debug)]
struct IssuerAndKey(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for IssuerAndKey {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let malformed = || rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding);
        let (_, parsed) = x509_parser::parse_x509_certificate(end_entity).map_err(|_| malformed())?;
        let valid_from = u64::try_from(parsed.validity().not_before.timestamp()).map_err(|_| malformed())?;
        // The certificate's own first second: authorities are backdated as much as certificates are.
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(valid_from));
        self.0.verify_client_cert(end_entity, intermediates, at).map_err(foreign)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// All servers name their authorities alike, so another server's certificate looks like ours with a signature that is
/// wrong. Its holder is told what that means: alert `unknown_ca`.
fn foreign(error: rustls::Error) -> rustls::Error {
    use rustls::CertificateError::{BadSignature, UnknownIssuer};
    match error {
        rustls::Error::InvalidCertificate(BadSignature) => rustls::Error::InvalidCertificate(UnknownIssuer),
        other => other,
    }
}

/// Accepts TLS and hands the peer's certificate to the HTTP layer.
#[derive(Debug, Clone)]
pub struct CertificateAcceptor {
    tls: RustlsAcceptor<DefaultAcceptor>,
}

impl CertificateAcceptor {
    /// Makes the acceptor.
    pub fn new(config: RustlsConfig) -> Self {
        Self { tls: RustlsAcceptor::new(config) }
    }
}

type Accepted<I, S> = (TlsStream<I>, AddExtension<S, PeerCertificate>);

impl<I, S> Accept<I, S> for CertificateAcceptor
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Send + 'static,
{
    type Stream = TlsStream<I>;
    type Service = AddExtension<S, PeerCertificate>;
    type Future = Pin<Box<dyn Future<Output = io::Result<Accepted<I, S>>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepting = self.tls.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let shown = stream.get_ref().1.peer_certificates().and_then(|c| c.first()).map(|c| c.clone().into_owned());
            Ok((stream, Extension(PeerCertificate(shown)).layer(service)))
        })
    }
}
