//! A database knows the keys with which it was used: a lost key must not be replaced in silence, for nobody would accept
//! what the new one signs.

use fitment_domain::bytes::Digest;
use fitment_domain::tenant::Scope;
use fitment_store::{Store, StoreError};

use crate::authority::Authorities;
use crate::keys::Keys;

/// Why the keys of the data folder are not taken.
#[derive(Debug, thiserror::Error)]
pub enum UnknownKey {
    #[error("{0} in the data folder's keys is not the one that this database knows: restore DATA/keys from the backup")]
    Other(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a key is called, and what it is known by.
type Fingerprints = Vec<(&'static str, Digest)>;

fn fingerprints(keys: &Keys, authorities: &Authorities) -> Fingerprints {
    vec![
        ("release.key", Digest::of(keys.release_public().to_string().as_bytes())),
        ("development.key", Digest::of(keys.development_public().to_string().as_bytes())),
        ("instruction.key", Digest::of(keys.instruction_public().to_string().as_bytes())),
        ("sealing.key", Digest::of(&[b"fitment sealing key".as_slice(), &keys.sealing].concat())),
        ("bootstrap-authority.pem", Digest::of(authorities.bootstrap.pem().as_bytes())),
        ("device-authority.pem", Digest::of(authorities.devices.pem().as_bytes())),
        ("server-authority.pem", Digest::of(authorities.server.pem().as_bytes())),
    ]
}

/// Refuses keys other than those with which this database was used before; notes them the first time.
pub async fn check(store: &Store, keys: &Keys, authorities: &Authorities) -> Result<(), UnknownKey> {
    let mut tx = store.begin(Scope::Platform).await?;
    for (name, digest) in fingerprints(keys, authorities) {
        let known_as = format!("key {name}");
        match tx.platform_value(&known_as).await? {
            Some(known) if known != digest.as_str() => return Err(UnknownKey::Other(name)),
            Some(_) => {}
            None => tx.put_platform_value(&known_as, digest.as_str()).await?,
        }
    }
    Ok(tx.commit().await?)
}
