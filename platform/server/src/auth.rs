//! Who calls: passwords, tokens, and the extractors that say which kind of account a route is for.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use fitment_domain::bytes::Digest;
use fitment_domain::id::{AccountId, PublisherId, TenantId, TokenId};
use fitment_domain::tenant::{AccountKind, Scope};
use fitment_store::Account;
use subtle::ConstantTimeEq as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::Shared;
use crate::clock::{self, NoRandomness};
use crate::problem::Problem;

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

fn split_token(text: &str) -> Option<(TokenId, &str)> {
    let (id, secret) = text.strip_prefix("fit_")?.split_once('_')?;
    Some((TokenId::parse(&format!("tok_{id}")).ok()?, secret))
}

/// Anybody who is signed in.
#[derive(Clone)]
pub struct Caller {
    pub account: Account,
    pub token: TokenId,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let missing =
            || Problem::unauthenticated("send a token: Authorization: Bearer fit_…; POST /api/v1/sessions makes one");
        let wrong = || Problem::unauthenticated("the token is wrong, expired or revoked: sign in again");
        let header = parts.headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
        let text = header.to_str().ok().and_then(|h| h.strip_prefix("Bearer ")).ok_or_else(missing)?;
        let (id, secret) = split_token(text).ok_or_else(wrong)?;
        let row = app.store.read(Scope::Platform).await?.token(&id).await?.ok_or_else(wrong)?;
        let given = Digest::of(secret.as_bytes());
        let same = given.as_str().as_bytes().ct_eq(row.secret_hash.as_bytes());
        if !bool::from(same) || row.revoked.is_some() || row.expires < app.now() {
            return Err(wrong());
        }
        Ok(Self { account: row.account, token: id })
    }
}

impl Caller {
    /// Returns the scope in which this caller's requests work.
    pub fn scope(&self) -> Scope {
        match (self.account.kind, &self.account.publisher, &self.account.tenant) {
            (AccountKind::Publisher, Some(publisher), _) => Scope::Publisher(publisher.clone()),
            (AccountKind::Msp, _, Some(tenant)) => Scope::Tenant(tenant.clone()),
            // An account that belongs to nobody sees what a publisher without releases sees: nothing.
            (AccountKind::Publisher | AccountKind::Msp, ..) => Scope::Publisher(PublisherId::from_random([0; 16])),
            (AccountKind::Operator, ..) => Scope::Platform,
        }
    }
}

/// A publisher's account.
#[derive(Clone)]
pub struct Publisher {
    pub account: AccountId,
    pub id: PublisherId,
}

impl FromRequestParts<Shared> for Publisher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let account = Caller::from_request_parts(parts, app).await?.account;
        match account.publisher {
            Some(id) if account.kind == AccountKind::Publisher => Ok(Self { account: account.id, id }),
            _ => Err(Problem::forbidden("this route is for publishers' accounts")),
        }
    }
}

/// An MSP's account.
#[derive(Clone)]
pub struct Msp {
    pub account: AccountId,
    pub tenant: TenantId,
}

impl Msp {
    /// Returns the scope of its requests.
    pub fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

impl FromRequestParts<Shared> for Msp {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let account = Caller::from_request_parts(parts, app).await?.account;
        match account.tenant {
            Some(tenant) if account.kind == AccountKind::Msp => Ok(Self { account: account.id, tenant }),
            _ => Err(Problem::forbidden("this route is for MSPs' accounts")),
        }
    }
}

/// An account of the platform's own staff.
#[derive(Clone)]
pub struct Operator {
    pub account: AccountId,
}

impl FromRequestParts<Shared> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let account = Caller::from_request_parts(parts, app).await?.account;
        match account.kind {
            AccountKind::Operator => Ok(Self { account: account.id }),
            _ => Err(Problem::forbidden("this route is for the marketplace's operators")),
        }
    }
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
