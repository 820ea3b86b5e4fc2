//! A handshake for the sake of its certificates, the invalid ones too: they are what a probe looks for.

use std::sync::{Arc, Mutex, PoisonError};

use fitment_domain::bytes::Digest;
use fitment_domain::run::{Certificate, Fault, NetAnswer};
use fitment_domain::time::UnixMs;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::connect::Target;
use crate::http::system_roots;

const CHAIN_MAX: usize = 10;
const NAMES_MAX: usize = 100;
const TEXT_CHARS_MAX: usize = 300;

/// Shakes hands and reads what the server showed. Nothing is sent over the connection.
pub(super) async fn look(target: Target<'_>, server_name: Option<&str>) -> Result<NetAnswer, Fault> {
    let Target { host, port, .. } = target;
    let shown = server_name.unwrap_or(host).trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(shown)
        .map_err(|_| Fault::Invalid("server-name is neither a host name nor an address".to_owned()))?;
    let witness = Arc::new(Witness::new()?);
    let configuration = configuration(Arc::clone(&witness))?;
    let (stream, clock) = target.connect().await?;
    let shaken = TlsConnector::from(Arc::new(configuration)).connect(name, stream).await;
    let seen = witness.seen();
    match (shaken, seen) {
        (Ok(_), Some(seen)) => Ok(NetAnswer::Tls { timing: clock.timing(), chain: seen.chain, problem: seen.problem }),
        // The certificates came, and then something else went wrong: a client's certificate that is missing, for one.
        (Err(error), Some(seen)) => {
            let problem = seen.problem.unwrap_or_else(|| format!("the handshake: {error}"));
            Ok(NetAnswer::Tls { timing: clock.timing(), chain: seen.chain, problem: Some(problem) })
        }
        (Err(error), None) => Err(Fault::Failed(format!("the handshake with {host}:{port}: {error}"))),
        (Ok(_), None) => Err(Fault::Failed(format!("{host}:{port} showed no certificate"))),
    }
}

fn configuration(witness: Arc<Witness>) -> Result<ClientConfig, Fault> {
    let failed = |error: Error| Fault::Failed(format!("the TLS configuration: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(witness).with_no_client_auth())
}

/// What the server showed, and what a client that trusts the system's roots would have said.
#[derive(Debug, Clone)]
struct Seen {
    chain: Vec<Certificate>,
    problem: Option<String>,
}

/// Lets every certificate through and notes it: this connection carries nothing, so nobody can win by it.
#[derive(Debug)]
struct Witness {
    /// None: this machine has no roots.
    judge: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Seen>>,
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl Witness {
    fn new() -> Result<Self, Fault> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots: &RootCertStore = system_roots();
        let judge = match roots.is_empty() {
            true => None,
            false => {
                let built =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots.clone()), Arc::clone(&provider)).build();
                Some(built.map_err(|error| Fault::Failed(format!("the system's roots: {error}")))?)
            }
        };
        Ok(Self { judge, seen: Mutex::default(), algorithms: provider.signature_verification_algorithms })
    }

    fn seen(&self) -> Option<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = match &self.judge {
            Some(judge) => judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).err(),
            None => Some(Error::General("this machine trusts no root".to_owned())),
        };
        let chain = std::iter::once(end_entity).chain(intermediates).take(CHAIN_MAX).map(certificate).collect();
        let seen = Seen { chain, problem: verdict.map(|error| shorten(&error.to_string())) };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Reads what people ask of a certificate; one that does not parse is told by its digest alone.
fn certificate(der: &CertificateDer<'_>) -> Certificate {
    let sha256 = Digest::of(der).as_str().to_owned();
    let Ok((_, parsed)) = X509Certificate::from_der(der) else {
        let (subject, issuer) = ("(does not parse)".to_owned(), String::new());
        return Certificate { subject, issuer, names: Vec::new(), not_before: UnixMs(0), not_after: UnixMs(0), sha256 };
    };
    let ms = |seconds: i64| UnixMs(seconds.saturating_mul(1_000));
    Certificate {
        subject: shorten(&parsed.subject().to_string()),
        issuer: shorten(&parsed.issuer().to_string()),
        names: names(&parsed),
        not_before: ms(parsed.validity().not_before.timestamp()),
        not_after: ms(parsed.validity().not_after.timestamp()),
        sha256,
    }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(shorten(name)),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    alternative.value.general_names.iter().filter_map(name).take(NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string())
}

fn shorten(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_CHARS_MAX).collect()
}
