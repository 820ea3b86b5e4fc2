//! Passwords and tokens, and below `caller` who calls and what that person may do.

mod attempts;
mod caller;

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use fitment_domain::bytes::Digest;
use fitment_domain::id::TokenId;
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{self, NoRandomness};
use crate::problem::Problem;

pub use attempts::Attempts;
pub use caller::{Caller, Msp, Operator, Permitted, Publisher};

/// How long a token is valid.
pub const TOKEN_LIFETIME_MS: u64 = 30 * fitment_domain::time::DAY_MS;

/// A password could not be hashed.
#[derive(Debug, thiserror::Error)]
#[error("password hash: {0}")]
pub struct HashError(String);

fn hasher() -> Result<Argon2<'static>, HashError> {
    // OWASP ASVS 5: argon2id with at least 46 MiB, one pass, one lane.
    let params = Params::new(47_104, 1, 1, None).map_err(|e| HashError(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password for the database. Takes tens of milliseconds on purpose.
pub fn hash_password(password: &str, salt: [u8; 16]) -> Result<String, HashError> {
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|e| HashError(e.to_string()))?;
    Ok(hash.to_string())
}

/// Checks passwords, a few at once: each check takes 46 MiB, and anybody may ask for one.
pub struct PasswordChecks {
    places: Arc<Semaphore>,
    wait_max: Duration,
}

impl PasswordChecks {
    /// Passwords that are checked at once.
    const AT_ONCE: usize = 4;
    const WAIT_MAX: Duration = Duration::from_secs(2);
    const RETRY_AFTER_S: u64 = 2;

    /// Checks a password on a thread of its own, as `check_password` does. Waits a little for its turn; then it is `busy`.
    pub async fn check(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        let place = self.place().await?;
        let checked = tokio::task::spawn_blocking(move || {
            // Held until the work is over, also when nobody waits for its end any more.
            let _place = place;
            check_password(&password, stored.as_deref())
        });
        checked.await.map_err(Problem::internal)
    }

    /// Hashes a new password as `hash_password` does, in turn with the checks.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        let (place, salt) = (self.place().await?, clock::random()?);
        let hashed = tokio::task::spawn_blocking(move || {
            let _place = place;
            hash_password(&password, salt)
        });
        hashed.await.map_err(Problem::internal)?.map_err(Problem::internal)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match tokio::time::timeout(self.wait_max, Arc::clone(&self.places).acquire_owned()).await {
            Ok(place) => place.map_err(Problem::internal),
            Err(_elapsed) => Err(Problem::busy("too many sign-ins at once; try again", Self::RETRY_AFTER_S)),
        }
    }
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(Self::AT_ONCE)), wait_max: Self::WAIT_MAX }
    }
}

/// Checks a password. Without an account it does the same work for nothing, so that time tells nobody who exists.
fn check_password(password: &str, stored: Option<&str>) -> bool {
    let Ok(hasher) = hasher() else { return false };
    match stored {
        Some(stored) => hasher.verify_password(password.as_bytes(), stored).is_ok(),
        None => {
            let _same_work = hasher.hash_password_with_salt(password.as_bytes(), &[0; 16]);
            false
        }
    }
}

/// A token as its owner holds it, and as the database does.
pub struct NewToken {
    pub id: TokenId,
    pub text: String,
    pub secret_hash: String,
}

/// Makes a token.
pub fn new_token() -> Result<NewToken, NoRandomness> {
    let id = TokenId::from_random(clock::random()?);
    let secret = hex::encode(clock::random::<32>()?);
    let text = format!("fit_{}_{secret}", id.as_str().trim_start_matches("tok_"));
    Ok(NewToken { id, text, secret_hash: Digest::of(secret.as_bytes()).as_str().to_owned() })
}

/// Returns whether a secret is the one whose hash is kept; the time it takes tells nothing.
fn is_secret(secret: &str, kept_hash: &str) -> bool {
    Digest::of(secret.as_bytes()).as_str().as_bytes().ct_eq(kept_hash.as_bytes()).into()
}

fn split_token(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = text.strip_prefix("fit_")?.split_once('_')?;
    Some((TokenId::parse(&format!("tok_{id}")).ok()?, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_more_passwords_are_checked_at_once_than_there_are_places() {
        let checks = PasswordChecks { wait_max: Duration::from_millis(10), ..PasswordChecks::default() };
        let mut taken = Vec::new();
        for _ in 0..PasswordChecks::AT_ONCE {
            taken.extend(checks.place().await.ok());
        }
        assert_eq!(taken.len(), PasswordChecks::AT_ONCE);
        assert!(checks.place().await.is_err(), "whoever comes then is told to come again");
        taken.pop();
        assert!(checks.place().await.is_ok());
    }
}
