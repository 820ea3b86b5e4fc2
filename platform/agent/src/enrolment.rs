//! From a zero certificate, the same for all machines of a site, to an identity of one's own.

use std::path::Path;

use fitment_domain::artifact::{Build, Target};
use fitment_domain::device::{Facts, fact};
use fitment_domain::protocol::{Enrol, ZeroBundle};
use fitment_domain::run::Fact;

use crate::certificate;
use crate::client::{BadClient, Client};
use crate::files::{self, FileError};
use crate::folder::StateFolder;
use crate::identity::{self, BadIdentity, Identity};
use crate::problem::CallError;
use crate::tls::Credentials;

const BUNDLE_BYTES_MAX: usize = 64 * 1024;

/// Why enrolment brought no identity.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    #[error("the zero bundle {0}")]
    NoBundle(FileError),
    #[error("the zero bundle does not read: {0}; download it again")]
    BadBundle(String),
    #[error(transparent)]
    Client(#[from] BadClient),
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Call(#[from] CallError),
    #[error(transparent)]
    Identity(#[from] BadIdentity),
}

/// Reads a zero bundle.
pub fn read_bundle(path: &Path) -> Result<ZeroBundle, EnrolError> {
    let bytes = files::read_bounded(path, BUNDLE_BYTES_MAX).map_err(EnrolError::NoBundle)?;
    serde_json::from_slice(&bytes).map_err(|e| EnrolError::BadBundle(e.to_string()))
}

/// Reads the facts of this device. `location` is what the agent was told about where it stands.
pub fn facts(location: Option<&str>) -> Facts {
    let mut facts = Facts(fitment_device::facts::read(env!("CARGO_PKG_VERSION")).into_iter().collect());
    let target = Target::of(std::env::consts::ARCH, std::env::consts::OS, fitment_device::processor::has);
    if let Some(target) = target {
        let build = f64::from(Build::of_this_version().number);
        facts.0.insert(fact::SANDBOX_TARGET.to_owned(), Fact::Text(target.to_string()));
        facts.0.insert(fact::SANDBOX_BUILD.to_owned(), Fact::Number(build));
    }
    if let Some(location) = location {
        facts.0.insert(fact::LOCATION.to_owned(), Fact::Text(location.to_owned()));
    }
    facts
}

/// Asks once for an identity. It can be repeated: the key stays the same, and so does the device.
pub async fn enrol(folder: &StateFolder, bundle: &ZeroBundle, facts: Facts) -> Result<Identity, EnrolError> {
    let key_pem = identity::own_key_pem(folder)?;
    let request_pem = certificate::request_pem(&key_pem).map_err(BadIdentity::from)?;
    let zero = Credentials {
        server_ca_pem: &bundle.server_ca_pem,
        certificate_pem: &bundle.certificate_pem,
        private_key_pem: &bundle.private_key_pem,
    };
    let enrolled = Client::new(&bundle.server, zero)?.enrol(&Enrol { request_pem, facts }).await?;
    Ok(Identity::keep(folder, bundle, key_pem, enrolled)?)
}
