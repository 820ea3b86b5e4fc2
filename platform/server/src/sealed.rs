//! Credentials at rest: sealed with the platform's key, bound to the tenant and the connection that they belong to.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use fitment_domain::id::{ConnectionId, TenantId};

use crate::clock::{self, NoRandomness};

const NONCE_BYTES: usize = 12;

/// Secrets by name.
pub type Secrets = BTreeMap<String, String>;

/// Why sealed bytes do not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the sealed credential does not open: it was changed, moved, or sealed with another key")]
    Broken,
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

fn bound_to(tenant: &TenantId, connection: &ConnectionId) -> Vec<u8> {
    format!("{tenant}/{connection}").into_bytes()
}

/// Seals the secrets of a connection.
pub fn seal(
    key: &[u8; 32],
    tenant: &TenantId,
    connection: &ConnectionId,
    secrets: &Secrets,
) -> Result<Vec<u8>, SealError> {
    let nonce: [u8; NONCE_BYTES] = clock::random()?;
    let plain = serde_json::to_vec(secrets).map_err(|_| SealError::Broken)?;
    let aad = bound_to(tenant, connection);
    let sealed = ChaCha20Poly1305::new(&(*key).into())
        .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &aad })
        .map_err(|_| SealError::Broken)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens the secrets of a connection.
pub fn open(key: &[u8; 32], tenant: &TenantId, connection: &ConnectionId, sealed: &[u8]) -> Result<Secrets, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Broken)?;
    let aad = bound_to(tenant, connection);
    let plain = ChaCha20Poly1305::new(&(*key).into())
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| SealError::Broken)?;
    serde_json::from_slice(&plain).map_err(|_| SealError::Broken)
}
