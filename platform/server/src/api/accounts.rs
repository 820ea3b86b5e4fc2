//! The accounts of the marketplace: publishers, MSPs with the devices in their care, and the platform's own staff.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fitment_domain::tenant::{AccountKind, Action, Role};
use fitment_store::AccountSummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::{self, AccountError, NewAccount};
use crate::app::Shared;
use crate::auth::Operator;
use crate::problem::{Body, Problem};

/// An account to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountBody {
    /// `publisher`, `msp` or `operator`.
    pub kind: String,
    /// A publisher's namespace (a-z, 0-9, hyphens), or the name of the MSP; an operator's is not kept.
    pub name: String,
    pub email: String,
    /// The first password, 12 to 256 characters; its owner changes it by `PUT /api/v1/me/password`.
    pub password: String,
    /// Of an operator `owner` or `reviewer`; of the others `owner`. Default: `owner`.
    pub role: Option<String>,
}

/// An account of the marketplace.
#[derive(Serialize, ToSchema)]
pub struct AccountRowView {
    pub id: String,
    /// `publisher`, `msp` or `operator`.
    pub kind: &'static str,
    pub role: &'static str,
    pub email: String,
    /// The publisher's namespace or the MSP's name.
    pub name: Option<String>,
    pub tenant: Option<String>,
    /// Of an MSP: how many devices are enrolled in its care.
    pub devices: Option<i64>,
    pub created_ms: i64,
    pub disabled_ms: Option<i64>,
}

/// The marketplace's accounts.
#[derive(Serialize, ToSchema)]
pub struct AccountList {
    pub accounts: Vec<AccountRowView>,
}

fn view(row: AccountSummary) -> AccountRowView {
    let account = row.account;
    AccountRowView {
        id: account.id.to_string(),
        kind: account.kind.as_str(),
        role: account.role.as_str(),
        email: account.email,
        name: row.name,
        devices: account.tenant.as_ref().map(|_| row.devices),
        tenant: account.tenant.map(|id| id.to_string()),
        created_ms: account.created.0,
        disabled_ms: account.disabled.map(|at| at.0),
    }
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::Name(inner) => Problem::invalid(inner),
            AccountError::Role(inner) => Problem::invalid(inner),
            AccountError::Exists => Problem::conflict("exists", AccountError::Exists.to_string()),
            AccountError::Store(inner) => inner.into(),
            AccountError::Randomness(inner) => inner.into(),
            inner @ AccountError::Hash(_) => Problem::internal(inner),
        }
    }
}

/// Lists the accounts, newest first, at most 1,000.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "accounts", responses((status = 200, body = AccountList)))]
pub async fn list(State(app): State<Shared>, operator: Operator) -> Result<Json<AccountList>, Problem> {
    operator.may(Action::ManageAccounts)?;
    let rows = app.store.read(fitment_domain::tenant::Scope::Platform).await?.accounts().await?;
    Ok(Json(AccountList { accounts: rows.into_iter().map(view).collect() }))
}

/// Makes an account: a publisher, an MSP with its tenant, or somebody of the staff.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = AccountBody, responses(
    (status = 201, body = AccountRowView), (status = 409, description = "exists: the e-mail or the namespace is taken"),
    (status = 422, description = "invalid")))]
pub async fn add(
    State(app): State<Shared>,
    operator: Operator,
    Body(new): Body<AccountBody>,
) -> Result<(StatusCode, Json<AccountRowView>), Problem> {
    let operator = operator.may(Action::ManageAccounts)?;
    let kind = AccountKind::parse(&new.kind);
    let kind = kind.ok_or_else(|| Problem::invalid("kind must be publisher, msp or operator"))?;
    let role = new.role.as_deref().map_or(Some(Role::Owner), Role::parse);
    let role = role.ok_or_else(|| Problem::invalid("role must be owner or reviewer"))?;
    let asked = NewAccount { kind, role, name: &new.name, email: &new.email };
    accounts::check(&asked, &new.password)?;
    let password_hash = app.password_checks.hash(new.password).await?;
    let account = accounts::add(&app.store, &asked, password_hash, operator.as_str(), app.now()).await?;
    let name = (kind != AccountKind::Operator).then_some(new.name);
    Ok((StatusCode::CREATED, Json(view(AccountSummary { account, name, devices: 0 }))))
}
