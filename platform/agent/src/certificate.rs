//! The agent's own key, what it asks a certificate with, and when a certificate is due for renewal.

use fitment_domain::id::DeviceId;
use fitment_domain::time::UnixMs;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

/// Why a key or certificate is of no use.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    #[error("the key cannot be made or read: {0}")]
    Key(#[from] rcgen::Error),
    #[error("the certificate does not read: {0}")]
    Certificate(String),
}

/// Makes a key (ECDSA on P-256), PEM.
pub fn new_key_pem() -> Result<String, BadCertificate> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?.serialize_pem())
}

/// Makes a PKCS #10 request for a key, PEM. The name in it says nothing: the server gives the name.
pub fn request_pem(key_pem: &str) -> Result<String, BadCertificate> {
    let key = KeyPair::from_pem(key_pem)?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "fitment-agent");
    params.distinguished_name = name;
    Ok(params.serialize_request(&key)?.pem()?)
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: UnixMs,
    pub until: UnixMs,
}

/// Reads from when to when a certificate is valid.
pub fn validity(certificate_pem: &str) -> Result<Validity, BadCertificate> {
    let bad = |e: String| BadCertificate::Certificate(e);
    let (_, pem) = x509_parser::pem::parse_x509_pem(certificate_pem.as_bytes()).map_err(|e| bad(e.to_string()))?;
    let certificate = pem.parse_x509().map_err(|e| bad(e.to_string()))?;
    let dates = certificate.validity();
    let at = |seconds: i64| UnixMs(seconds.saturating_mul(1_000));
    Ok(Validity { from: at(dates.not_before.timestamp()), until: at(dates.not_after.timestamp()) })
}

impl Validity {
    /// Returns when to ask for the next certificate: at 50 to 66 % of its life, always the same for one device.
    pub fn renew_at(&self, device: &DeviceId) -> UnixMs {
        let life_ms = self.until.since_ms(self.from);
        let per_mille = 500 + crate::schedule::splay(device.as_str(), "certificate", 161);
        self.from.plus_ms(u64::try_from(u128::from(life_ms) * u128::from(per_mille) / 1_000).unwrap_or(life_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_falls_between_one_half_and_two_thirds_of_the_life() {
        let validity = Validity { from: UnixMs(1_000_000), until: UnixMs(2_000_000) };
        for random in 0..200_u8 {
            let at = validity.renew_at(&DeviceId::from_random([random; 16]));
            assert!(at >= UnixMs(1_500_000) && at <= UnixMs(1_660_000), "{at}");
        }
    }
}
