//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::tenant::{AccountKind, Scope, check_display_name, check_email, check_password};
use fitment_store::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::people::{self, ClientsBody};
use crate::app::Shared;
use crate::auth::{self, Caller, TOKEN_LIFETIME_MS};
use crate::problem::{Body, Problem};

/// Longer addresses are nobody's.
const EMAIL_CHARS_MAX: usize = 254;

/// E-mail and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    pub email: String,
    pub password: String,
    /// What the token is for, 1 to 120 characters; shown in lists.
    pub label: Option<String>,
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    pub token: String,
    /// Milliseconds since 1970-01-01 UTC.
    pub expires_ms: i64,
    pub account: AccountView,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct AccountView {
    pub id: String,
    /// `publisher`, `msp` or `operator`.
    pub kind: &'static str,
    pub email: String,
    /// A publisher's namespace.
    pub publisher: Option<String>,
    /// The key that a publisher's uploads must be signed with.
    pub public_key: Option<String>,
    pub tenant: Option<String>,
    /// `owner`; of an MSP's people also `technician`, `viewer` or `client`; of staff also `reviewer`.
    pub role: &'static str,
    /// Of an MSP's people: `"all"` or a list of clients' ids.
    #[schema(value_type = Option<serde_json::Value>)]
    pub clients: Option<ClientsBody>,
    /// A publisher's own test tenant.
    pub test_tenant: Option<String>,
}

/// The old password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    pub old: String,
    /// 12 to 256 characters.
    pub new: String,
}

async fn view(app: &Shared, account: Account) -> Result<AccountView, Problem> {
    let mut tx = app.store.read(Scope::Platform).await?;
    let clients = match account.kind {
        AccountKind::Msp => Some(people::shown(account.all_clients, &tx.clients_of(&account.id).await?)),
        AccountKind::Publisher | AccountKind::Operator => None,
    };
    let publisher = match &account.publisher {
        Some(id) => tx.publisher(id).await?,
        None => None,
    };
    Ok(AccountView {
        id: account.id.to_string(),
        kind: account.kind.as_str(),
        email: account.email,
        public_key: publisher.as_ref().and_then(|p| p.key).map(|key| key.to_string()),
        test_tenant: publisher.as_ref().and_then(|p| p.test_tenant.as_ref().map(ToString::to_string)),
        publisher: publisher.map(|p| p.name),
        tenant: account.tenant.map(|t| t.to_string()),
        role: account.role.as_str(),
        clients,
    })
}

/// Makes a token. Wrong e-mail and wrong password look the same, also in time.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", request_body = SignIn, responses(
    (status = 201, body = SignedIn), (status = 401, description = "e-mail or password is wrong"),
    (status = 429, description = "too-often: too many wrong tries with this e-mail, come again after Retry-After"),
    (status = 503, description = "busy: too many sign-ins at once, come again after Retry-After")))]
pub async fn sign_in(
    State(app): State<Shared>,
    Body(asked): Body<SignIn>,
) -> Result<(StatusCode, Json<SignedIn>), Problem> {
    let label = asked.label.unwrap_or_else(|| "session".to_owned());
    check_display_name("label", &label).map_err(Problem::invalid)?;
    // An address is the same however it is written.
    let email = asked.email.to_lowercase();
    let address: String = email.chars().take(EMAIL_CHARS_MAX).collect();
    app.attempts.begin(&address, app.now()).map_err(|seconds| {
        Problem::too_often("too many wrong tries with this e-mail: wait, then try again", seconds)
    })?;
    // What can be nobody's address is not looked up.
    let account = match check_email(&email) {
        Ok(()) => app.store.read(Scope::Platform).await?.account_by_email(&email).await?,
        Err(_) => None,
    };
    let stored = account.as_ref().map(|a| a.password_hash.clone());
    let right = app.password_checks.check(asked.password, stored).await?;
    let Some(account) = account.filter(|a| right && a.disabled.is_none()) else {
        return Err(Problem::unauthenticated("e-mail or password is wrong"));
    };
    app.attempts.succeeded(&address);
    let token = auth::new_token()?;
    let (now, expires) = (app.now(), app.now().plus_ms(TOKEN_LIFETIME_MS));
    let mut tx = app.store.begin(Scope::Platform).await?;
    tx.insert_token(&token.id, &account.id, &token.secret_hash, &label, now, expires).await?;
    tx.commit().await?;
    let account = view(&app, account).await?;
    Ok((StatusCode::CREATED, Json(SignedIn { token: token.text, expires_ms: expires.0, account })))
}

/// Revokes the token that the request carries.
#[utoipa::path(delete, path = "/api/v1/sessions/current", tag = "sessions", responses((status = 204)))]
pub async fn sign_out(State(app): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin(Scope::Platform).await?;
    tx.revoke_token(&caller.token, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says who is signed in.
#[utoipa::path(get, path = "/api/v1/me", tag = "sessions", responses((status = 200, body = AccountView)))]
pub async fn me(State(app): State<Shared>, caller: Caller) -> Result<Json<AccountView>, Problem> {
    Ok(Json(view(&app, caller.account).await?))
}

/// Changes the own password. Every other token of this account ends; the one that the request carries stays.
#[utoipa::path(put, path = "/api/v1/me/password", tag = "sessions", request_body = NewPassword, responses(
    (status = 204), (status = 403, description = "wrong-password: the old one is another"),
    (status = 422, description = "invalid"), (status = 429, description = "too-often")))]
pub async fn change_password(
    State(app): State<Shared>,
    caller: Caller,
    Body(asked): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    check_password(&asked.new).map_err(|e| Problem::invalid(format!("new: {e}")))?;
    let account = caller.account;
    // Whoever holds a token alone must not try passwords faster than at the door.
    app.attempts.begin(&account.email, app.now()).map_err(|seconds| {
        Problem::too_often("too many wrong tries with this e-mail: wait, then try again", seconds)
    })?;
    if !app.password_checks.check(asked.old, Some(account.password_hash)).await? {
        return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-password", "old is not the password of this account"));
    }
    app.attempts.succeeded(&account.email);
    let password_hash = app.password_checks.hash(asked.new).await?;
    let mut tx = app.store.begin(Scope::Platform).await?;
    tx.set_password(&account.id, &password_hash, &caller.token, app.now()).await?;
    tx.append_audit(account.id.as_str(), "account.password", account.id.as_str(), &serde_json::Value::Null, app.now())
        .await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
