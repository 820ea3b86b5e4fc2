//! Who this agent is: its own key, its certificate, and whose word it takes.

use fitment_domain::id::{DeviceId, TenantId};
use fitment_domain::instruction::Addressee;
use fitment_domain::protocol::{Enrolled, ZeroBundle};
use fitment_domain::signature::PublicKey;
use serde::{Deserialize, Serialize};

use crate::certificate::{self, BadCertificate, Validity};
use crate::door::Trust;
use crate::files::{self, FileError};
use crate::folder::StateFolder;
use crate::random::{self, NoRandomness};
use crate::tls::{self, BadTls, Credentials};

const IDENTITY_BYTES_MAX: usize = 64 * 1024;
const KEY_FILE: &str = "key.pem";
const CERTIFICATE_FILE: &str = "certificate.pem";
const IDENTITY_FILE: &str = "identity.json";

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum BadIdentity {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{IDENTITY_FILE} does not read: {0}; enrol again with a new state folder")]
    Malformed(String),
    #[error(transparent)]
    Certificate(#[from] BadCertificate),
    #[error("the server issued a certificate of no use: {0}")]
    Issued(BadTls),
    #[error("the server enrolled this machine for tenant {got}, the bundle is of tenant {expected}")]
    Tenant { got: TenantId, expected: TenantId },
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("{file} holds {bytes} bytes, expected 32: remove it, and compiled code is made again", file = path.display())]
    MacKey { path: std::path::PathBuf, bytes: usize },
}

/// What is kept beside key and certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    tenant: TenantId,
    device: DeviceId,
    server: String,
    server_ca_pem: String,
    instruction_key: PublicKey,
    release_key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    development_key: Option<PublicKey>,
}

/// An enrolled agent.
#[derive(Clone)]
pub struct Identity {
    pub me: Addressee,
    /// The agents' listener, `https://host:port`.
    pub server: String,
    pub instruction_key: PublicKey,
    release_key: PublicKey,
    development_key: Option<PublicKey>,
    server_ca_pem: String,
    certificate_pem: String,
    private_key_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("device", &self.me.device)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// Returns the agent's own key, PEM. It is on disk before anybody hears of it, so that a retry shows the same key.
pub fn own_key_pem(folder: &StateFolder) -> Result<String, BadIdentity> {
    let path = folder.identity().join(KEY_FILE);
    match files::read_text(&path, IDENTITY_BYTES_MAX) {
        Ok(pem) => Ok(pem),
        Err(e) if e.is_missing() => {
            let pem = certificate::new_key_pem()?;
            files::write_durable(&path, pem.as_bytes())?;
            Ok(pem)
        }
        Err(e) => Err(e.into()),
    }
}

/// Returns the key under which compiled code is kept on this machine, and makes it at the first time.
pub fn cache_mac_key(folder: &StateFolder) -> Result<[u8; 32], BadIdentity> {
    let path = folder.cache_mac_key();
    match files::read_bounded(&path, IDENTITY_BYTES_MAX) {
        Ok(bytes) => {
            let count = bytes.len();
            bytes.try_into().map_err(|_| BadIdentity::MacKey { path, bytes: count })
        }
        Err(e) if e.is_missing() => {
            let key = random::bytes()?;
            files::write_durable(&path, &key)?;
            Ok(key)
        }
        Err(e) => Err(e.into()),
    }
}

/// Reads whose orders count for this device, and nothing else: no key of the agent's own.
pub fn whose_orders(folder: &StateFolder) -> Result<(Addressee, PublicKey), BadIdentity> {
    let kept = files::read_bounded(&folder.identity().join(IDENTITY_FILE), IDENTITY_BYTES_MAX)?;
    let kept: Kept = serde_json::from_slice(&kept).map_err(|e| BadIdentity::Malformed(e.to_string()))?;
    Ok((Addressee { tenant: kept.tenant, device: kept.device }, kept.instruction_key))
}

impl Identity {
    /// Reads the identity; none if this state folder was never enrolled.
    pub fn load(folder: &StateFolder) -> Result<Option<Self>, BadIdentity> {
        let at = |name| folder.identity().join(name);
        let kept = match files::read_bounded(&at(IDENTITY_FILE), IDENTITY_BYTES_MAX) {
            Err(e) if e.is_missing() => return Ok(None),
            kept => kept?,
        };
        let kept: Kept = serde_json::from_slice(&kept).map_err(|e| BadIdentity::Malformed(e.to_string()))?;
        let certificate_pem = files::read_text(&at(CERTIFICATE_FILE), IDENTITY_BYTES_MAX)?;
        let private_key_pem = files::read_text(&at(KEY_FILE), IDENTITY_BYTES_MAX)?;
        Ok(Some(Self::assemble(kept, certificate_pem, private_key_pem)))
    }

    fn assemble(kept: Kept, certificate_pem: String, private_key_pem: String) -> Self {
        Self {
            me: Addressee { tenant: kept.tenant, device: kept.device },
            server: kept.server,
            instruction_key: kept.instruction_key,
            release_key: kept.release_key,
            development_key: kept.development_key,
            server_ca_pem: kept.server_ca_pem,
            certificate_pem,
            private_key_pem,
        }
    }

    /// Keeps what enrolment brought. The identity counts from the moment its last file is there.
    pub fn keep(
        folder: &StateFolder,
        bundle: &ZeroBundle,
        private_key_pem: String,
        enrolled: Enrolled,
    ) -> Result<Self, BadIdentity> {
        if enrolled.tenant != bundle.tenant {
            return Err(BadIdentity::Tenant { got: enrolled.tenant, expected: bundle.tenant.clone() });
        }
        let kept = Kept {
            tenant: enrolled.tenant,
            device: enrolled.device,
            server: bundle.server.clone(),
            server_ca_pem: bundle.server_ca_pem.clone(),
            instruction_key: enrolled.instruction_key,
            release_key: enrolled.release_key,
            development_key: enrolled.development_key,
        };
        let json = serde_json::to_vec_pretty(&kept).map_err(|e| BadIdentity::Malformed(e.to_string()))?;
        let identity = Self::assemble(kept, enrolled.certificate_pem, private_key_pem);
        identity.check()?;
        files::write_durable(&folder.identity().join(CERTIFICATE_FILE), identity.certificate_pem.as_bytes())?;
        files::write_durable(&folder.identity().join(IDENTITY_FILE), &json)?;
        Ok(identity)
    }

    /// Keeps the next certificate, which must be one for the same key.
    pub fn renewed(&self, folder: &StateFolder, certificate_pem: String) -> Result<Self, BadIdentity> {
        let next = Self { certificate_pem, ..self.clone() };
        next.check()?;
        files::write_durable(&folder.identity().join(CERTIFICATE_FILE), next.certificate_pem.as_bytes())?;
        Ok(next)
    }

    fn check(&self) -> Result<(), BadIdentity> {
        tls::config(self.credentials()).map_err(BadIdentity::Issued)?;
        self.validity().map(|_| ())
    }

    /// Returns whose word about releases counts here.
    pub fn trust(&self) -> Trust {
        Trust { release_key: self.release_key, development_key: self.development_key, tenant: self.me.tenant.clone() }
    }

    /// Returns what it shows and trusts.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            server_ca_pem: &self.server_ca_pem,
            certificate_pem: &self.certificate_pem,
            private_key_pem: &self.private_key_pem,
        }
    }

    /// Returns when its certificate is valid.
    pub fn validity(&self) -> Result<Validity, BadIdentity> {
        Ok(certificate::validity(&self.certificate_pem)?)
    }

    /// Returns the request for its next certificate: the same key, PEM.
    pub fn request_pem(&self) -> Result<String, BadIdentity> {
        Ok(certificate::request_pem(&self.private_key_pem)?)
    }
}
