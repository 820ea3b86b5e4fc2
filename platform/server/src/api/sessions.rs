//! Signing in and out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::tenant::{Scope, check_display_name, check_email};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::{self, Caller, TOKEN_LIFETIME_MS};
use crate::problem::{Body, Problem};

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
}

async fn view(app: &Shared, account: fitment_store::Account) -> Result<AccountView, Problem> {
    let publisher = match &account.publisher {
        Some(id) => app.store.read(Scope::Platform).await?.publisher(id).await?,
        None => None,
    };
    Ok(AccountView {
        id: account.id.to_string(),
        kind: account.kind.as_str(),
        email: account.email,
        public_key: publisher.as_ref().and_then(|p| p.key).map(|key| key.to_string()),
        publisher: publisher.map(|p| p.name),
        tenant: account.tenant.map(|t| t.to_string()),
    })
}

/// Makes a token. Wrong e-mail and wrong password look the same, also in time.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "sessions", request_body = SignIn, responses(
    (status = 201, body = SignedIn), (status = 401, description = "e-mail or password is wrong"),
    (status = 503, description = "busy: too many sign-ins at once, come again after Retry-After")))]
pub async fn sign_in(
    State(app): State<Shared>,
    Body(asked): Body<SignIn>,
) -> Result<(StatusCode, Json<SignedIn>), Problem> {
    let label = asked.label.unwrap_or_else(|| "session".to_owned());
    check_display_name("label", &label).map_err(Problem::invalid)?;
    // What can be nobody's address is not looked up.
    let account = match check_email(&asked.email) {
        Ok(()) => app.store.read(Scope::Platform).await?.account_by_email(&asked.email.to_lowercase()).await?,
        Err(_) => None,
    };
    let stored = account.as_ref().map(|a| a.password_hash.clone());
    let right = app.password_checks.check(asked.password, stored).await?;
    let Some(account) = account.filter(|a| right && a.disabled.is_none()) else {
        return Err(Problem::unauthenticated("e-mail or password is wrong"));
    };
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
