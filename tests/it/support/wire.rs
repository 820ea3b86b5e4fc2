//! The agents' listener as an agent sees it, spoken to by hand.

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fitment_domain::device::Facts;
use fitment_domain::instruction::{Addressee, InstructionSet, SetTime, open_set};
use fitment_domain::protocol::{AskInstructions, Enrol, Enrolled, InstructionsAnswer, route};
use fitment_domain::run::Fact;
use fitment_domain::signature::Envelope;
use fitment_domain::time::UnixMs;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Serialize;
use serde_json::Value;

use super::platform::{Answer, IDLE_MAX, PATIENCE};

/// A nonce, as long as they have to be.
pub(crate) const NONCE: &str = "00112233445566778899aabbccddeeff";

/// What a client shows: certificate and key, PEM.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A connection to the agents' listener of one server, with one certificate or none.
#[derive(Clone)]
pub(crate) struct Wire {
    http: reqwest::Client,
    config: ClientConfig,
    base: String,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

impl Wire {
    /// Trusts one authority, shows what is given.
    pub(crate) fn new(base: &str, authority: &str, shown: Option<&Shown>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match shown {
            None => config.with_no_client_auth(),
            Some(shown) => {
                let chain = vec![CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap()];
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        let builder = reqwest::Client::builder().pool_idle_timeout(IDLE_MAX).timeout(PATIENCE).no_proxy();
        let http = builder.tls_backend_preconfigured(config.clone()).build().unwrap();
        Self { http, config, base: base.to_owned() }
    }

    /// Shows a zero certificate.
    pub(crate) fn zero(bundle: &Value) -> Self {
        let shown = Shown {
            certificate: text(&bundle["certificate_pem"]).to_owned(),
            key: text(&bundle["private_key_pem"]).to_owned(),
        };
        Self::to_server_of(bundle, Some(&shown))
    }

    /// Shows what is given to the server that a bundle names.
    pub(crate) fn to_server_of(bundle: &Value, shown: Option<&Shown>) -> Self {
        Self::new(text(&bundle["server"]), text(&bundle["server_ca_pem"]), shown)
    }

    /// Shows the certificate of a real agent.
    pub(crate) fn of_agent(state: &Path) -> Self {
        let read = |name: &str| std::fs::read_to_string(state.join("identity").join(name)).unwrap();
        let kept: Value = serde_json::from_str(&read("identity.json")).unwrap();
        Self::to_server_of(&kept, Some(&Shown { certificate: read("certificate.pem"), key: read("key.pem") }))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.base))).await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        answer(self.http.put(format!("{}{path}", self.base)).json(body)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    pub(crate) async fn try_post(&self, path: &str, body: &impl Serialize) -> Result<Answer, reqwest::Error> {
        answer(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// Returns the alert with which the server ends the handshake.
    pub(crate) fn alert(&self) -> Option<AlertDescription> {
        let address = self.base.strip_prefix("https://").unwrap();
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let name = ServerName::try_from(address.rsplit_once(':').unwrap().0.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::new(self.config.clone()), name).unwrap();
        let ended = StreamOwned::new(connection, socket).read(&mut [0; 1]).unwrap_err();
        match ended.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
            _ => None,
        }
    }

    /// Enrols with a key; the answer as it comes.
    pub(crate) async fn enrol(&self, key: &KeyPair) -> Answer {
        self.enrol_with(key, facts()).await
    }

    /// Enrols with a key, and says this of the machine.
    pub(crate) async fn enrol_with(&self, key: &KeyPair, facts: Facts) -> Answer {
        self.post(route::ENROL, &Enrol { request_pem: request_pem(key), facts }).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    Answer::read(request.send().await?).await
}

/// Asks for a certificate for a key, PKCS #10 in PEM.
pub(crate) fn request_pem(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

/// What a Linux device with today's agent reports.
pub(crate) fn facts() -> Facts {
    let fact = |name: &str, value: &str| (name.to_owned(), Fact::Text(value.to_owned()));
    let all = [
        fact("hostname", "by-hand"),
        fact("os.family", "linux"),
        fact("arch", std::env::consts::ARCH),
        fact("agent.version", env!("CARGO_PKG_VERSION")),
    ];
    Facts(all.into_iter().collect())
}

/// Returns the time now, for certificates.
#[expect(clippy::disallowed_methods, reason = "the tests speak with processes that read the real clock")]
pub(crate) fn system_time() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// Returns the time now.
pub(crate) fn now() -> UnixMs {
    let since = system_time().duration_since(std::time::UNIX_EPOCH).unwrap();
    UnixMs(i64::try_from(since.as_millis()).unwrap())
}

/// A device without an agent: it is enrolled, and asks what the test asks.
#[derive(Clone)]
pub(crate) struct HandDevice {
    pub(crate) wire: Wire,
    pub(crate) shown: Shown,
    pub(crate) enrolled: Enrolled,
}

impl HandDevice {
    /// Enrols with a key of its own.
    pub(crate) async fn enrol(bundle: &Value) -> Self {
        Self::enrol_with(bundle, facts()).await
    }

    /// Enrols a machine of which this is known.
    pub(crate) async fn enrol_with(bundle: &Value, facts: Facts) -> Self {
        let key = KeyPair::generate().unwrap();
        let answer = Wire::zero(bundle).enrol_with(&key, facts).await.ok();
        let enrolled: Enrolled = serde_json::from_value(answer).unwrap();
        let shown = Shown { certificate: enrolled.certificate_pem.clone(), key: key.serialize_pem() };
        Self { wire: Wire::to_server_of(bundle, Some(&shown)), shown, enrolled }
    }

    /// Returns how its answers are addressed.
    pub(crate) fn me(&self) -> Addressee {
        Addressee { tenant: self.enrolled.tenant.clone(), device: self.enrolled.device.clone() }
    }

    /// Asks whether a set is current; the answer as it comes.
    pub(crate) async fn ask(&self, set: Option<SetTime>, nonce: &str) -> Answer {
        self.wire.post(route::INSTRUCTIONS, &AskInstructions { set, nonce: nonce.to_owned() }).await
    }

    /// Asks, and reads the answer.
    pub(crate) async fn asked(&self, set: Option<SetTime>) -> InstructionsAnswer {
        serde_json::from_value(self.ask(set, NONCE).await.ok()).unwrap()
    }

    /// Waits for a set that is later than this one.
    pub(crate) async fn set_after(&self, have: Option<SetTime>) -> (Envelope, InstructionSet) {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(have, NONCE).await;
            if answer.status == 425 {
                assert_eq!(answer.code(), "no-instructions-yet");
            } else if let InstructionsAnswer::NewSet(envelope) = serde_json::from_value(answer.ok()).unwrap() {
                let set = open_set(&envelope, &self.enrolled.instruction_key, &self.me(), have, now()).unwrap();
                return (envelope, set);
            }
            assert!(std::time::Instant::now() < deadline, "waited in vain for a set after {have:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
