//! A publisher's test tenant: an MSP's tenant of its own, whose devices run what nobody approved yet.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::release::{DEVELOPMENT_TYPE, DevelopmentStatement, Publication};
use fitment_domain::signature::Envelope;
use fitment_domain::tenant::{AccountKind, Role, Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{accessory, find_release};
use crate::accounts::{self, NewAccount};
use crate::app::Shared;
use crate::auth::Publisher;
use crate::door;
use crate::job;
use crate::problem::{Body, Problem};

/// Who signs in to the test tenant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTestTenant {
    /// An address that no account has yet.
    pub email: String,
    /// 12 to 256 characters.
    pub password: String,
}

/// The test tenant.
#[derive(Serialize, ToSchema)]
pub struct TestTenantView {
    pub tenant: String,
    pub email: String,
}

/// A release that the test tenant may use.
#[derive(Serialize, ToSchema)]
pub struct TriedView {
    pub accessory: String,
    pub version: String,
    pub tenant: String,
}

/// Makes the publisher's test tenant, with an account that signs in as its MSP. There is one for each publisher.
#[utoipa::path(post, path = "/api/v1/test-tenant", tag = "publishing", request_body = NewTestTenant, responses(
    (status = 201, body = TestTenantView), (status = 409, description = "there is one, or the address is used")))]
pub async fn create(
    State(app): State<Shared>,
    publisher: Publisher,
    Body(new): Body<NewTestTenant>,
) -> Result<(StatusCode, Json<TestTenantView>), Problem> {
    let row = app.store.read(Scope::Platform).await?.publisher(&publisher.id).await?;
    let row = row.ok_or_else(|| Problem::not_found("publisher"))?;
    if row.test_tenant.is_some() {
        return Err(Problem::conflict(
            "test-tenant-exists",
            "you have a test tenant: sign in with the address you gave it",
        ));
    }
    let name = format!("{} test", row.name);
    let asked = NewAccount { kind: AccountKind::Msp, role: Role::Owner, name: &name, email: &new.email };
    accounts::check(&asked, &new.password)?;
    let password_hash = app.password_checks.hash(new.password).await?;
    let account = accounts::add_test_tenant(&app.store, &publisher, &asked, password_hash, app.now()).await?;
    let tenant = account.tenant.ok_or_else(|| Problem::not_found("tenant"))?;
    Ok((StatusCode::CREATED, Json(TestTenantView { tenant: tenant.to_string(), email: account.email })))
}

/// Lets the publisher's test tenant use a release that waits for review. The platform signs that with its development key,
/// and the tenant's name is in what it signs: no other tenant's devices take it.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/test", tag = "publishing", responses(
    (status = 200, body = TriedView), (status = 409, description = "no-test-tenant, not-in-review or does-not-verify")))]
pub async fn try_release(
    State(app): State<Shared>,
    publisher: Publisher,
    Path((owner, name, version)): Path<(String, String, String)>,
) -> Result<Json<TriedView>, Problem> {
    let scope = Scope::Publisher(publisher.id.clone());
    let release = find_release(&app, scope, &accessory(&owner, &name)?, Some(&version)).await?;
    let row = app.store.read(Scope::Platform).await?.publisher(&publisher.id).await?;
    let tenant = row.and_then(|row| row.test_tenant).ok_or_else(|| {
        Problem::conflict("no-test-tenant", "you have no test tenant: make one with POST /api/v1/test-tenant")
    })?;
    if release.state != Publication::InReview {
        let detail = format!("the release is {}: only what waits for review is tried", release.state.as_str());
        return Err(Problem::conflict("not-in-review", detail));
    }
    // Nothing is signed that its publisher did not sign.
    let passed = door::open_for_approval(&app, &release).await?;
    let now = app.now();
    let statement = DevelopmentStatement {
        tenant: tenant.clone(),
        accessory: release.accessory.clone(),
        version: release.version.clone(),
        digest: passed.verified.package.digest,
        created: now,
    };
    let envelope = Envelope::sign(DEVELOPMENT_TYPE, &statement, &app.keys.development).map_err(Problem::internal)?;
    let mut tx = app.store.begin(Scope::Tenant(tenant.clone())).await?;
    tx.put_development(&release.id, &envelope, now).await?;
    let details =
        serde_json::json!({ "accessory": release.accessory, "version": release.version, "digest": release.digest });
    tx.append_audit(publisher.account.as_str(), "release.test", release.id.as_str(), &details, now).await?;
    job::assign_all(&mut tx, now).await?;
    tx.commit().await?;
    app.wake.notify_one();
    let (accessory, version) = (release.accessory.to_string(), release.version.to_string());
    Ok(Json(TriedView { accessory, version, tenant: tenant.to_string() }))
}
