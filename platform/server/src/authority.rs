//! The certificate authorities: one for zero certificates, one for devices, one for the agents' listener itself.

use fitment_domain::id::{DeviceId, TenantId, ZeroId};
use fitment_domain::time::{DAY_MS, HOUR_MS, UnixMs};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::clock::{self, NoRandomness};
use crate::keys::{KeyError, Vault};

/// The common name of the authority that issues zero certificates.
pub const BOOTSTRAP: &str = "Fitment bootstrap authority";
/// The common name of the authority that issues devices' certificates.
pub const DEVICES: &str = "Fitment device authority";
const SERVER: &str = "Fitment server authority";

/// How long a device's certificate is valid.
pub const DEVICE_CERTIFICATE_MS: u64 = DAY_MS;
/// Certificates are valid from a little before they are made, for clocks that run behind.
const BACKDATE_MS: u64 = HOUR_MS;
const AUTHORITY_YEARS_MS: u64 = 10 * 365 * DAY_MS;
const SERVER_CERTIFICATE_MS: u64 = 365 * DAY_MS;

/// Why a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the authority's file {0} is damaged: restore it from a backup")]
    Damaged(&'static str),
    #[error("the certificate request does not read or is not signed by its own key")]
    BadRequest,
}

/// A certificate that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    pub pem: String,
    pub serial: String,
    pub not_before: UnixMs,
    pub not_after: UnixMs,
}

/// One authority.
pub struct Authority {
    pem: String,
    key_pem: String,
}

impl Authority {
    fn load(vault: &Vault, name: &'static str, common_name: &str, now: UnixMs) -> Result<Self, AuthorityError> {
        let both = vault.get_or_make(&format!("{name}.pem"), || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::default();
            params.distinguished_name = named(common_name);
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            lifetime(&mut params, now, AUTHORITY_YEARS_MS);
            let certificate = params.self_signed(&key)?;
            Ok::<_, AuthorityError>(format!("{}{}", certificate.pem(), key.serialize_pem()).into_bytes())
        })?;
        let text = String::from_utf8(both).map_err(|_| AuthorityError::Damaged(name))?;
        let split = text.find("-----BEGIN PRIVATE KEY-----").ok_or(AuthorityError::Damaged(name))?;
        let (pem, key_pem) = text.split_at(split);
        Ok(Self { pem: pem.to_owned(), key_pem: key_pem.to_owned() })
    }

    /// Returns the authority's own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, AuthorityError> {
        Ok(Issuer::from_ca_cert_pem(&self.pem, KeyPair::from_pem(&self.key_pem)?)?)
    }
}

/// All authorities.
pub struct Authorities {
    pub bootstrap: Authority,
    pub devices: Authority,
    pub server: Authority,
}

impl Authorities {
    /// Reads the authorities, making them the first time.
    pub fn load(vault: &Vault, now: UnixMs) -> Result<Self, AuthorityError> {
        Ok(Self {
            bootstrap: Authority::load(vault, "bootstrap-authority", BOOTSTRAP, now)?,
            devices: Authority::load(vault, "device-authority", DEVICES, now)?,
            server: Authority::load(vault, "server-authority", SERVER, now)?,
        })
    }

    /// Issues a zero certificate with a key of its own: certificate and key.
    pub fn issue_zero(
        &self,
        tenant: &TenantId,
        zero: &ZeroId,
        lifetime_ms: u64,
        now: UnixMs,
    ) -> Result<(Issued, String), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = client_params(zero.as_str(), &format!("fitment://{tenant}/zero/{zero}"))?;
        let (serial, not_before, not_after) = prepare(&mut params, now, lifetime_ms)?;
        let pem = params.signed_by(&key, &self.bootstrap.issuer()?)?.pem();
        Ok((Issued { pem, serial, not_before, not_after }, key.serialize_pem()))
    }

    /// Issues a device's certificate for the key of its request. Whatever else the request says is ignored.
    pub fn issue_device(
        &self,
        tenant: &TenantId,
        device: &DeviceId,
        request: &Request,
        now: UnixMs,
    ) -> Result<Issued, AuthorityError> {
        let mut params = client_params(device.as_str(), &format!("fitment://{tenant}/device/{device}"))?;
        let (serial, not_before, not_after) = prepare(&mut params, now, DEVICE_CERTIFICATE_MS)?;
        let pem = params.signed_by(&request.0.public_key, &self.devices.issuer()?)?.pem();
        Ok(Issued { pem, serial, not_before, not_after })
    }

    /// Issues the certificate of the agents' listener: certificate and key, fresh at every start.
    pub fn issue_server(&self, names: &[String], now: UnixMs) -> Result<(String, String), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = named("Fitment server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        prepare(&mut params, now, SERVER_CERTIFICATE_MS)?;
        let pem = params.signed_by(&key, &self.server.issuer()?)?.pem();
        Ok((pem, key.serialize_pem()))
    }
}

/// A certificate request whose signature was checked.
pub struct Request(CertificateSigningRequestParams);

impl Request {
    /// Reads a PKCS #10 request in PEM.
    pub fn parse(pem: &str) -> Result<Self, AuthorityError> {
        if pem.len() > 16 * 1024 {
            return Err(AuthorityError::BadRequest);
        }
        CertificateSigningRequestParams::from_pem(pem).map(Self).map_err(|_| AuthorityError::BadRequest)
    }

    /// Returns the digest of the public key: what makes a repeated request the same machine.
    pub fn key_digest(&self) -> String {
        use rcgen::PublicKeyData as _;
        fitment_domain::bytes::Digest::of(&self.0.public_key.subject_public_key_info()).as_str().to_owned()
    }
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn client_params(common_name: &str, uri: &str) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(common_name);
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn prepare(params: &mut CertificateParams, now: UnixMs, ms: u64) -> Result<(String, UnixMs, UnixMs), AuthorityError> {
    let mut serial = clock::random::<16>()?;
    // RFC 5280: a serial is a positive number; the lowest of the high bits keeps its length.
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let (not_before, not_after) = lifetime(params, now, ms);
    Ok((hex::encode(serial), not_before, not_after))
}

fn lifetime(params: &mut CertificateParams, now: UnixMs, ms: u64) -> (UnixMs, UnixMs) {
    // Whole seconds: certificates know nothing finer.
    let not_before = UnixMs((now.0 - BACKDATE_MS.cast_signed()) / 1000 * 1000);
    let not_after = UnixMs(now.plus_ms(ms).0 / 1000 * 1000);
    params.not_before = date(not_before);
    params.not_after = date(not_after);
    (not_before, not_after)
}

fn date(at: UnixMs) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.0 / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
