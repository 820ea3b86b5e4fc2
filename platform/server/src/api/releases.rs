//! Releases: what was published, and the approval that publishes it.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use fitment_domain::bytes::Digest;
use fitment_domain::capability::{Permission, sentence};
use fitment_domain::release::{Actor, Listing, Publication, Step};
use fitment_domain::signature::PublicKey;
use fitment_domain::tenant::{Action, Scope};
use fitment_domain::validation::Problem as Finding;
use fitment_store::Release;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{accessory, after, find_release, verified};
use crate::app::{App, Shared};
use crate::auth::{Caller, Operator, Publisher};
use crate::door;
use crate::problem::{Body, Problem};

/// A public key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyBody {
    /// Ed25519, 64 hexadecimal digits.
    pub public_key: String,
}

/// A permission, in the accessory's words and in ours.
#[derive(Serialize, ToSchema)]
pub struct PermissionView {
    pub name: String,
    /// What it allows, in a plain sentence.
    pub sentence: String,
    /// Why the publisher asks for it.
    pub reason: String,
    /// Whether the accessory does without it: a consent may leave it out.
    pub optional: bool,
}

/// One finding of validation.
#[derive(Serialize, ToSchema)]
pub struct FindingView {
    pub rule: String,
    /// `note`, `warning` or `error`.
    pub severity: Value,
    pub message: String,
    pub remedy: String,
}

/// A release.
#[derive(Serialize, ToSchema)]
pub struct ReleaseView {
    pub id: String,
    pub accessory: String,
    pub version: String,
    pub kind: String,
    /// `in-review`, `rejected`, `published`, `deprecated` or `yanked`.
    pub state: &'static str,
    /// SHA-256 of the component.
    pub digest: String,
    pub listing_digest: String,
    pub summary: String,
    pub uploaded_ms: i64,
    pub approved_ms: Option<i64>,
    /// Why it was deprecated, yanked or rejected.
    pub reason: Option<String>,
    /// What its publisher names instead.
    pub replacement: Option<String>,
    /// Nobody approved it: it is seen here because this is its publisher's test tenant.
    pub test_only: bool,
    /// Several devices do not run it any more, because it ended their sandbox again and again.
    pub quarantined: bool,
    pub permissions: Vec<PermissionView>,
    pub problems: Vec<FindingView>,
}

/// A release with everything that its listing says.
#[derive(Serialize, ToSchema)]
pub struct ReleaseDetail {
    #[serde(flatten)]
    pub release: ReleaseView,
    pub readme: String,
    pub changelog: String,
    pub license: String,
    pub authors: Vec<String>,
    /// JSON Schema.
    pub config_schema: Value,
}

/// Which releases.
#[derive(Default, Deserialize, IntoParams)]
pub struct WhichReleases {
    /// `in-review`, `rejected`, `published`, `deprecated` or `yanked`; default: all that the caller sees.
    pub state: Option<String>,
    /// Such as `monitor`; default: all.
    pub kind: Option<String>,
    /// The `next` of the part before; default: from the beginning.
    pub after: Option<String>,
}

/// Releases, at most 500.
#[derive(Serialize, ToSchema)]
pub struct ReleaseList {
    pub releases: Vec<ReleaseView>,
    /// False: there are more; ask for those `after` what `next` says.
    pub complete: bool,
    /// Where the list goes on.
    pub next: Option<String>,
}

/// Every finding of validation.
#[derive(Serialize, ToSchema)]
pub struct ReportView {
    pub problems: Vec<FindingView>,
}

pub fn findings(problems: &[Finding]) -> Vec<FindingView> {
    let one = |p: &Finding| FindingView {
        rule: p.rule.clone(),
        severity: serde_json::to_value(p.severity).unwrap_or_default(),
        message: p.message.clone(),
        remedy: p.remedy.clone(),
    };
    problems.iter().map(one).collect()
}

/// Returns the permissions of a release as people read them.
pub fn permissions(release: &Release) -> Vec<PermissionView> {
    let asked = release.manifest.asked().unwrap_or_default();
    let one = |p: &fitment_domain::manifest::PermissionAsked| {
        let permission = Permission::parse(&p.name).ok()?;
        let sentence = sentence(permission, asked.scope(permission)?);
        Some(PermissionView { name: p.name.clone(), sentence, reason: p.reason.clone(), optional: p.optional })
    };
    release.manifest.permissions.iter().filter_map(one).collect()
}

/// Reads the listing; none if it is missing or damaged, which is this release's problem and nobody else's.
pub async fn listing(app: &App, release: &Release) -> Option<Listing> {
    let read = match app.store.objects().get(&release.listing_digest).await {
        Ok(Some(bytes)) if Digest::of(&bytes) != release.listing_digest => Err("its digest is another one".to_owned()),
        Ok(Some(bytes)) => serde_json::from_slice(&bytes).map_err(|e| e.to_string()),
        Ok(None) => Err("the object store does not hold it".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    let warn = |error| tracing::error!(release = %release.id, %error, "the listing of a release is missing or damaged");
    read.map_err(warn).ok()
}

pub fn view(release: &Release, listing: Option<&Listing>) -> ReleaseView {
    let mut problems = findings(&release.report.problems);
    if listing.is_none() {
        problems.extend(findings(&[Finding::error(
            "listing-damaged",
            "the listing is missing or damaged",
            "restore the object store from its backup, or publish a new version",
        )]));
    }
    ReleaseView {
        id: release.id.to_string(),
        accessory: release.accessory.to_string(),
        version: release.version.to_string(),
        kind: release.kind.clone(),
        state: release.state.as_str(),
        digest: release.digest.to_string(),
        listing_digest: release.listing_digest.to_string(),
        summary: listing.map(|l| l.summary.clone()).unwrap_or_default(),
        uploaded_ms: release.uploaded.0,
        approved_ms: release.approved.map(|at| at.0),
        reason: release.notice.as_ref().map(|notice| notice.reason.clone()),
        replacement: release.notice.as_ref().and_then(|notice| notice.replacement.clone()),
        test_only: release.state == Publication::InReview && release.is_tried(),
        quarantined: release.quarantined,
        permissions: permissions(release),
        problems,
    }
}

/// Registers the publisher's public key. Only an upload signed by its private half is taken.
#[utoipa::path(put, path = "/api/v1/publisher/key", tag = "publishing", request_body = KeyBody, responses((status = 204)))]
pub async fn register_key(
    State(app): State<Shared>,
    publisher: Publisher,
    Body(body): Body<KeyBody>,
) -> Result<StatusCode, Problem> {
    let key = PublicKey::parse(&body.public_key).map_err(|e| Problem::invalid(format!("public_key: {e}")))?;
    let mut tx = app.store.begin(Scope::Publisher(publisher.id.clone())).await?;
    tx.set_publisher_key(&key, app.now()).await?;
    let details = serde_json::json!({ "key": key.to_string() });
    tx.append_audit(publisher.account.as_str(), "publisher.key", publisher.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists releases, the newest uploads first: a publisher's own, an operator's all, an MSP's the published ones.
#[utoipa::path(get, path = "/api/v1/releases", tag = "publishing", params(WhichReleases), responses(
    (status = 200, body = ReleaseList), (status = 422, description = "invalid")))]
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(asked): Query<WhichReleases>,
) -> Result<Json<ReleaseList>, Problem> {
    let scope = caller.may(Action::SeeReleases)?;
    let state = asked.state.as_deref().map(|word| {
        let words = "state must be in-review, rejected, published, deprecated or yanked";
        Publication::parse(word).ok_or_else(|| Problem::invalid(words))
    });
    let (state, after) = (state.transpose()?, after(asked.after.as_deref())?);
    let listed = app.store.read(scope).await?.releases(state, asked.kind.as_deref(), after.as_ref()).await?;
    let mut releases = Vec::with_capacity(listed.rows.len());
    for row in &listed.rows {
        releases.push(view(row, listing(&app, row).await.as_ref()));
    }
    let next = listed.next.map(|next| next.to_string());
    Ok(Json(ReleaseList { releases, complete: next.is_none(), next }))
}

/// Returns how many releases are published.
pub async fn count_published(app: &App, caller: Caller) -> Result<i64, Problem> {
    let mut tx = app.store.read(caller.may(Action::SeeReleases)?).await?;
    Ok(tx.count_releases(Publication::Published).await?)
}

/// Shows one release.
#[utoipa::path(get, path = "/api/v1/releases/{publisher}/{name}/{version}", tag = "publishing", responses(
    (status = 200, body = ReleaseDetail), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path((publisher, name, version)): Path<(String, String, String)>,
) -> Result<Json<ReleaseDetail>, Problem> {
    let scope = caller.may(Action::SeeReleases)?;
    let release = find_release(&app, scope, &accessory(&publisher, &name)?, Some(&version)).await?;
    let listing = listing(&app, &release).await;
    let view = view(&release, listing.as_ref());
    let (readme, changelog, license, authors) =
        listing.map(|l| (l.readme, l.changelog, l.license, l.authors)).unwrap_or_default();
    let config_schema = release.manifest.config_schema;
    Ok(Json(ReleaseDetail { release: view, readme, changelog, license, authors, config_schema }))
}

/// Approves a release: the platform adds its own signature, and MSPs see it.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/approval", tag = "review", responses(
    (status = 200, body = ReleaseView), (status = 409, description = "not in review, or it does not verify any more")))]
pub async fn approve(
    State(app): State<Shared>,
    operator: Operator,
    Path((publisher, name, version)): Path<(String, String, String)>,
) -> Result<Json<ReleaseView>, Problem> {
    let operator = operator.may(Action::Review)?;
    let release = find_release(&app, Scope::Platform, &accessory(&publisher, &name)?, Some(&version)).await?;
    if release.state.after(Step::Approve, Actor::Operator).is_err() {
        return Err(Problem::conflict("not-in-review", format!("the release is {}", release.state.as_str())));
    }
    let statement = door::open_for_approval(&app, &release).await?.statement;
    let countersigned = statement.countersign(&app.keys.release).map_err(Problem::internal)?;
    app.store.objects().put_statement(&release.id, &countersigned.to_json()).await?;
    // What was signed is what comes out of the door, or nobody gets it.
    let release = verified(&app, release).await?;
    let now = app.now();
    let mut tx = app.store.begin(Scope::Platform).await?;
    if !tx.approve_release(&release.id, now).await? {
        return Err(Problem::conflict("not-in-review", "somebody else decided meanwhile"));
    }
    let details =
        serde_json::json!({ "accessory": release.accessory, "version": release.version, "digest": release.digest });
    tx.append_audit(operator.as_str(), "release.approve", release.id.as_str(), &details, now).await?;
    tx.commit().await?;
    let release = Release { state: Publication::Published, approved: Some(now), ..release };
    Ok(Json(view(&release, listing(&app, &release).await.as_ref())))
}
