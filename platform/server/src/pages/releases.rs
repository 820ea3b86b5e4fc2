//! Releases: a publisher's own with their reports, and the queue of those who review them.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use fitment_domain::release::{Actor, Publication, Step};
use fitment_domain::tenant::{AccountKind, Action};

use super::fields::Fields;
use super::markdown::{self, Markup};
use super::page;
use super::paging::{Paging, WhichPage, given};
use super::view::{Frame, Page};
use crate::api::differences::{self, DifferenceView, FromVersion};
use crate::api::life::{self, NoticeBody};
use crate::api::releases::{self, ReleaseDetail, ReleaseList, ReleaseView, WhichReleases};
use crate::api::uploads::{self, RefusedUpload};
use crate::api::usage::{self, ReleaseUsage};
use crate::app::Shared;
use crate::auth::{Operator, Publisher};
use crate::problem::{Body, Problem};

#[derive(Template)]
#[template(path = "releases.html")]
struct ReleasesPage {
    frame: Frame,
    releases: Vec<ReleaseView>,
    paging: Paging,
    refused: Vec<RefusedUpload>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    waiting: Vec<ReleaseView>,
    more_wait: bool,
    decided: Vec<ReleaseView>,
    paging: Paging,
}

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    frame: Frame,
    detail: ReleaseDetail,
    /// What changes from the release before.
    news: DifferenceView,
    readme: Markup,
    changelog: Markup,
    config_schema: String,
    usage: ReleaseUsage,
    /// What the one who looks may do with it now.
    decides: bool,
    deprecates: bool,
    undeprecates: bool,
    yanks: bool,
    unyanks: bool,
    entered: Entered,
}

/// What was entered in one of the page's forms, and what was wrong with it.
#[derive(Default)]
struct Entered {
    step: String,
    reason: String,
    replacement: String,
    problem: Option<String>,
}

/// Lists a publisher's releases, and the reports of what was refused.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    publisher: Publisher,
    Query(asked): Query<WhichPage>,
) -> Result<Html<String>, Problem> {
    let part = WhichReleases { after: given(&asked.after), ..WhichReleases::default() };
    let ReleaseList { releases, next, .. } =
        releases::list(State(app.clone()), view.caller.clone(), Query(part)).await?.0;
    let refused = uploads::list(State(app), publisher).await?.0.uploads;
    let paging = Paging::of_part("/releases", &[], &asked.after, asked.page, releases.len(), next.as_deref());
    page(&ReleasesPage { frame: view.frame("Releases"), releases: paging.cut(releases), paging, refused })
}

/// Lists what waits for review, and what was decided.
pub(super) async fn queue(
    State(app): State<Shared>,
    view: Page,
    _operator: Operator,
    Query(asked): Query<WhichPage>,
) -> Result<Html<String>, Problem> {
    let in_review = WhichReleases { state: Some("in-review".to_owned()), ..WhichReleases::default() };
    let waiting = releases::list(State(app.clone()), view.caller.clone(), Query(in_review)).await?.0;
    let part = WhichReleases { after: given(&asked.after), ..WhichReleases::default() };
    let ReleaseList { releases: mut decided, next, .. } =
        releases::list(State(app), view.caller.clone(), Query(part)).await?.0;
    decided.retain(|release| release.state != "in-review");
    let paging = Paging::of_part("/review", &[], &asked.after, asked.page, decided.len(), next.as_deref());
    page(&ReviewPage {
        frame: view.frame("Review"),
        waiting: waiting.releases,
        more_wait: !waiting.complete,
        decided: paging.cut(decided),
        paging,
    })
}

/// Shows one release with its report, to its publisher and to those who review.
pub(super) async fn show(
    State(app): State<Shared>,
    view: Page,
    Path(path): Path<(String, String, String)>,
) -> Result<Html<String>, Problem> {
    shown(app, &view, path, Entered::default()).await
}

async fn shown(
    app: Shared,
    view: &Page,
    path: (String, String, String),
    entered: Entered,
) -> Result<Html<String>, Problem> {
    if view.kind() == AccountKind::Msp {
        return Err(Problem::forbidden("this page is for publishers and for those who review releases"));
    }
    let from = Query(FromVersion::default());
    let news = differences::show(State(app.clone()), view.caller.clone(), Path(path.clone()), from).await?.0;
    let detail = releases::show(State(app.clone()), view.caller.clone(), Path(path.clone())).await?.0;
    let usage = usage::show(State(app), view.caller.clone(), Path(path)).await?.0;
    let state = Publication::parse(detail.release.state);
    let can = |step: Step, actor: Actor| state.is_some_and(|state| state.after(step, actor).is_ok());
    let (reviews, publishes) = (view.may(Action::Review), view.may(Action::Publish));
    page(&ReleasePage {
        frame: view.frame(format!("{} {}", detail.release.accessory, detail.release.version)),
        readme: markdown::render(&detail.readme),
        changelog: markdown::render(&detail.changelog),
        config_schema: serde_json::to_string_pretty(&detail.config_schema).unwrap_or_default(),
        decides: reviews && can(Step::Approve, Actor::Operator),
        deprecates: publishes && can(Step::Deprecate, Actor::Publisher),
        undeprecates: publishes && can(Step::Undeprecate, Actor::Publisher),
        yanks: publishes && can(Step::Yank, Actor::Publisher),
        unyanks: publishes && can(Step::Unyank, Actor::Publisher),
        entered,
        usage,
        detail,
        news,
    })
}

/// Moves a release on in its life: by its publisher, or by those who review. What is wrong comes back with what was entered.
pub(super) async fn act(
    State(app): State<Shared>,
    view: Page,
    Path((publisher, name, version, step)): Path<(String, String, String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (path, caller, state) = ((publisher, name, version), view.caller.clone(), State(app.clone()));
    let reason = fields.text("reason").trim().to_owned();
    let replacement = fields.text("replacement").trim().to_owned();
    let notice =
        NoticeBody { reason: reason.clone(), replacement: Some(replacement.clone()).filter(|r| !r.is_empty()) };
    let (which, notice) = (Path(path.clone()), Body(notice));
    let (moved, back, done) = match step.as_str() {
        "approve" => (releases::approve(state, caller.operator()?, which).await, "/review", "approved"),
        "reject" => (life::reject(state, caller.operator()?, which, notice).await, "/review", "rejected"),
        "deprecate" => (life::warn(state, caller.publisher()?, which, notice).await, "", "deprecated"),
        "undeprecate" => (life::unwarn(state, caller.publisher()?, which).await, "", "undeprecated"),
        "yank" => (life::yank(state, caller.publisher()?, which, notice).await, "", "yanked"),
        "unyank" => (life::unyank(state, caller.publisher()?, which).await, "", "unyanked"),
        _ => return Err(Problem::not_found("page")),
    };
    match moved {
        Ok(_) if !back.is_empty() => Ok(Redirect::to(&format!("{back}?done={done}")).into_response()),
        Ok(_) => {
            let version: String = form_urlencoded::byte_serialize(path.2.as_bytes()).collect();
            Ok(Redirect::to(&format!("/releases/{}/{}/{version}?done={done}", path.0, path.1)).into_response())
        }
        Err(problem) if problem.is_for_the_form() => {
            let status = problem.status();
            let entered = Entered { step, reason, replacement, problem: Some(problem.detail().to_owned()) };
            Ok((status, shown(app, &view, path, entered).await?).into_response())
        }
        Err(problem) => Err(problem),
    }
}
