//! Installations: what runs where, and how to take it away.

pub(super) mod change;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, Redirect};
use fitment_domain::tenant::Action;
use serde_json::Value;

use super::devices::Names;
use super::paging::{Paging, WhichPage};
use super::view::{Frame, Page};
use super::{form, page, words};
use crate::api::findings::{self, FindingList, OfDevice, RunView};
use crate::api::installations::{self, InstallationView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// One installation in the list.
struct Line {
    installation: InstallationView,
    target: String,
    devices: usize,
    failing: usize,
}

#[derive(Template)]
#[template(path = "installations.html")]
struct InstallationsPage {
    frame: Frame,
    paging: Paging,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "installation.html")]
struct InstallationPage {
    frame: Frame,
    installation: InstallationView,
    target: String,
    every: String,
    config: Vec<(String, String)>,
    runs: Vec<(RunView, String)>,
    more_runs: bool,
}

/// Lists the installations.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Query(asked): Query<WhichPage>,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let rows = installations::list(State(app.clone()), msp.clone()).await?.0.installations;
    let runs = findings::run_counts(&app, msp).await?;
    let line = |installation: InstallationView| {
        let (devices, failing) = runs.get(&installation.id).copied().unwrap_or_default();
        Line { target: names.target(&installation.target), installation, devices, failing }
    };
    let paging = Paging::new("/installations", &[], asked.page, rows.len());
    let lines = paging.cut(rows).into_iter().map(line).collect();
    page(&InstallationsPage { frame: view.frame("Installations"), paging, lines })
}

/// Shows one installation.
pub(super) async fn show(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let mut tx = app.store.read(view.caller.may(Action::SeeSetup)?).await?;
    let (row, release) = installations::found_with_release(&mut tx, &id).await?;
    drop(tx);
    let installation = installations::view(&row);
    let names = Names::read(&app, &msp).await?;
    let of = Query(OfDevice { device: None, installation: Some(id) });
    let FindingList { runs, complete, .. } = findings::list(State(app), msp, of).await?.0;
    page(&InstallationPage {
        frame: view.frame(installation.accessory.clone()),
        target: names.target(&installation.target),
        every: words::span(installation.interval_s.saturating_mul(1_000)),
        // By what the settings are called on the form.
        config: form::read_out(&release.manifest.config_schema, &row.config),
        more_runs: !complete,
        runs: runs
            .into_iter()
            .map(|r| {
                let name = names.device(&r.device);
                (r, name)
            })
            .collect(),
        installation,
    })
}

/// Takes an installation away.
pub(super) async fn remove(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Redirect, Problem> {
    installations::remove(State(app), msp, Path(id)).await?;
    Ok(Redirect::to("/installations?done=removed"))
}

impl Names {
    /// Says in words where an installation applies.
    pub(super) fn target(&self, target: &Value) -> String {
        if let Some(several) = target["any"].as_array() {
            return several.iter().map(|one| self.target(one)).collect::<Vec<_>>().join(", ");
        }
        let Some((kind, id)) = target.as_object().and_then(|object| object.iter().next()) else {
            return "all devices".to_owned();
        };
        match (kind.as_str(), id.as_str().unwrap_or_default()) {
            ("client", id) => format!("client {}", self.client(id)),
            ("location", id) => format!("location {}", self.location(id)),
            ("device", id) => format!("device {}", self.device(id)),
            (other, _) => other.to_owned(),
        }
    }
}
