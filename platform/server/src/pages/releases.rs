//! Releases: a publisher's own with their reports, and the queue of those who review them.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};
use fitment_domain::tenant::AccountKind;

use super::markdown::{self, Markup};
use super::page;
use super::view::{Frame, Page};
use crate::api::releases::{self, ReleaseDetail, ReleaseView};
use crate::api::uploads::{self, RefusedUpload};
use crate::app::Shared;
use crate::auth::{Operator, Publisher};
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "releases.html")]
struct ReleasesPage {
    frame: Frame,
    releases: Vec<ReleaseView>,
    refused: Vec<RefusedUpload>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    waiting: Vec<ReleaseView>,
    decided: Vec<ReleaseView>,
}

#[derive(Template)]
#[template(path = "release.html")]
struct ReleasePage {
    frame: Frame,
    detail: ReleaseDetail,
    readme: Markup,
    changelog: Markup,
    config_schema: String,
    /// Whether the one who looks decides about it.
    decides: bool,
}

/// Lists a publisher's releases, and the reports of what was refused.
pub(super) async fn list(State(app): State<Shared>, view: Page, publisher: Publisher) -> Result<Html<String>, Problem> {
    let releases = releases::list(State(app.clone()), view.caller.clone()).await?.0.releases;
    let refused = uploads::list(State(app), publisher).await?.0.uploads;
    page(&ReleasesPage { frame: view.frame("Releases"), releases, refused })
}

/// Lists what waits for review, and what was decided.
pub(super) async fn queue(State(app): State<Shared>, view: Page, _operator: Operator) -> Result<Html<String>, Problem> {
    let releases = releases::list(State(app), view.caller.clone()).await?.0.releases;
    let (waiting, decided) = releases.into_iter().partition(|release| release.state == "in-review");
    page(&ReviewPage { frame: view.frame("Review"), waiting, decided })
}

/// Shows one release with its report, to its publisher and to those who review.
pub(super) async fn show(
    State(app): State<Shared>,
    view: Page,
    Path(path): Path<(String, String, String)>,
) -> Result<Html<String>, Problem> {
    if view.kind() == AccountKind::Msp {
        return Err(Problem::forbidden("this page is for publishers and for those who review releases"));
    }
    let detail = releases::show(State(app), view.caller.clone(), Path(path)).await?.0;
    page(&ReleasePage {
        frame: view.frame(format!("{} {}", detail.release.accessory, detail.release.version)),
        readme: markdown::render(&detail.readme),
        changelog: markdown::render(&detail.changelog),
        config_schema: serde_json::to_string_pretty(&detail.config_schema).unwrap_or_default(),
        decides: view.kind() == AccountKind::Operator && detail.release.state == "in-review",
        detail,
    })
}

/// Approves a release.
pub(super) async fn approve(
    State(app): State<Shared>,
    operator: Operator,
    Path(path): Path<(String, String, String)>,
) -> Result<Redirect, Problem> {
    let _approved = releases::approve(State(app), operator, Path(path)).await?;
    Ok(Redirect::to("/review?done=approved"))
}
