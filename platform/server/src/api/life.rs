//! The life of a release after it was uploaded: rejected by an operator, deprecated or yanked by its publisher, and back.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::release::{Actor, Notice, Publication, Step};
use fitment_domain::tenant::{Action, Scope};
use fitment_store::Release;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::releases::{ReleaseView, listing, view};
use super::{accessory, find_release};
use crate::app::Shared;
use crate::auth::{Operator, Publisher};
use crate::problem::{Body, Problem};

/// Why, and what to take instead.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeBody {
    /// One line of 3 to 500 characters; MSPs read it.
    pub reason: String,
    /// `publisher/name` or `publisher/name@version`.
    pub replacement: Option<String>,
}

impl NoticeBody {
    fn read(self) -> Result<Notice, Problem> {
        let notice = Notice { reason: self.reason.trim().to_owned(), replacement: self.replacement };
        notice.check().map_err(Problem::invalid)?;
        Ok(notice)
    }
}

type Which = Path<(String, String, String)>;

/// Who moves a release: an account, and as what.
struct Mover {
    scope: Scope,
    account: String,
    actor: Actor,
}

impl Mover {
    fn publisher(publisher: Publisher) -> Self {
        let account = publisher.account.to_string();
        Self { scope: Scope::Publisher(publisher.id), account, actor: Actor::Publisher }
    }

    /// Moves the release, keeps why, and writes it into the log of whoever did it.
    async fn moves(
        self,
        app: &Shared,
        Path((publisher, name, version)): Which,
        step: Step,
        notice: Option<Notice>,
    ) -> Result<Json<ReleaseView>, Problem> {
        let release = find_release(app, self.scope.clone(), &accessory(&publisher, &name)?, Some(&version)).await?;
        let to = release.state.after(step, self.actor).map_err(|e| Problem::conflict("wrong-state", e.to_string()))?;
        let mut tx = app.store.begin(self.scope).await?;
        if !tx.move_release(&release.id, release.state, to, notice.as_ref()).await? {
            return Err(Problem::conflict("wrong-state", "somebody else decided meanwhile: look again"));
        }
        let details = serde_json::json!({
            "accessory": release.accessory, "version": release.version, "from": release.state, "to": to, "notice": notice,
        });
        tx.append_audit(&self.account, audited(step), release.id.as_str(), &details, app.now()).await?;
        tx.commit().await?;
        let release = Release { state: to, notice, ..release };
        Ok(Json(view(&release, listing(app, &release).await.as_ref())))
    }
}

fn audited(step: Step) -> &'static str {
    match step {
        Step::Approve => "release.approve",
        Step::Reject => "release.reject",
        Step::Deprecate => "release.deprecate",
        Step::Undeprecate => "release.undeprecate",
        Step::Yank => "release.yank",
        Step::Unyank => "release.unyank",
    }
}

/// Rejects a release that waits for review. Its version is used up; the publisher reads why.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/rejection", tag = "review",
    request_body = NoticeBody, responses((status = 200, body = ReleaseView), (status = 409, description = "wrong-state")))]
pub async fn reject(
    State(app): State<Shared>,
    operator: Operator,
    which: Which,
    Body(body): Body<NoticeBody>,
) -> Result<Json<ReleaseView>, Problem> {
    let account = operator.may(Action::Review)?.to_string();
    let mover = Mover { scope: Scope::Platform, account, actor: Actor::Operator };
    mover.moves(&app, which, Step::Reject, Some(body.read()?)).await
}

/// Deprecates a release: MSPs may still install it, and are warned.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/deprecation", tag = "publishing",
    request_body = NoticeBody, responses((status = 200, body = ReleaseView), (status = 409, description = "wrong-state")))]
pub async fn warn(
    State(app): State<Shared>,
    publisher: Publisher,
    which: Which,
    Body(body): Body<NoticeBody>,
) -> Result<Json<ReleaseView>, Problem> {
    Mover::publisher(publisher).moves(&app, which, Step::Deprecate, Some(body.read()?)).await
}

/// Takes a deprecation back.
#[utoipa::path(delete, path = "/api/v1/releases/{publisher}/{name}/{version}/deprecation", tag = "publishing",
    responses((status = 200, body = ReleaseView), (status = 409, description = "wrong-state")))]
pub async fn unwarn(
    State(app): State<Shared>,
    publisher: Publisher,
    which: Which,
) -> Result<Json<ReleaseView>, Problem> {
    Mover::publisher(publisher).moves(&app, which, Step::Undeprecate, None).await
}

/// Yanks a release: nobody installs it any more, and where it runs it goes on.
#[utoipa::path(post, path = "/api/v1/releases/{publisher}/{name}/{version}/yank", tag = "publishing",
    request_body = NoticeBody, responses((status = 200, body = ReleaseView), (status = 409, description = "wrong-state")))]
pub async fn yank(
    State(app): State<Shared>,
    publisher: Publisher,
    which: Which,
    Body(body): Body<NoticeBody>,
) -> Result<Json<ReleaseView>, Problem> {
    Mover::publisher(publisher).moves(&app, which, Step::Yank, Some(body.read()?)).await
}

/// Takes a yank back.
#[utoipa::path(delete, path = "/api/v1/releases/{publisher}/{name}/{version}/yank", tag = "publishing",
    responses((status = 200, body = ReleaseView), (status = 409, description = "wrong-state")))]
pub async fn unyank(
    State(app): State<Shared>,
    publisher: Publisher,
    which: Which,
) -> Result<Json<ReleaseView>, Problem> {
    Mover::publisher(publisher).moves(&app, which, Step::Unyank, None).await
}

/// What is said of a release that ends the sandbox on device after device.
const QUARANTINED_WORDS: &str =
    "several devices quarantined this release, because it ended their sandbox again and again: take another version";

/// Returns what whoever installs a release is told beside the answer.
pub(super) fn warnings(release: &Release) -> Vec<String> {
    let mut warnings = Vec::new();
    if release.state == Publication::Deprecated {
        let reason = release.notice.as_ref().map_or("", |notice| notice.reason.as_str());
        let instead = release.notice.as_ref().and_then(|notice| notice.replacement.as_ref());
        let instead =
            instead.map_or_else(String::new, |replacement| format!("; its publisher names {replacement} instead"));
        warnings.push(format!("this release is deprecated: {reason}{instead}"));
    }
    if release.quarantined {
        warnings.push(QUARANTINED_WORDS.to_owned());
    }
    if release.state == Publication::InReview {
        warnings.push("nobody reviewed this release: it runs in this test tenant alone".to_owned());
    }
    warnings
}
