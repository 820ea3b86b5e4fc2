//! Alerts: what is bad now, and what was.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::devices::Names;
use super::fields::Fields;
use super::page;
use super::paging::{Paging, given};
use super::view::{Frame, OpenOnes, Page};
use crate::api::findings::{self, AlertList, AlertView, Closure, WhichAlerts};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::{Body, Problem};

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    state: String,
    q: String,
    all: usize,
    found: usize,
    alerts: Vec<(AlertView, String)>,
    paging: Paging,
    refused: Option<Refused>,
}

/// Why an alert cannot be closed, and what was entered.
struct Refused {
    id: String,
    reason: String,
    problem: String,
}

impl AlertsPage {
    fn refusal_of(&self, alert: &AlertView) -> Option<&Refused> {
        self.refused.as_ref().filter(|refused| refused.id == alert.id)
    }

    /// Says why an alert was closed.
    fn because<'a>(&self, because: &'a str) -> &'a str {
        match because {
            "cleared" => "it is good again",
            "installation-removed" => "what looked was removed",
            "not-covered" => "nothing looks there any more",
            "device-revoked" => "the device was revoked",
            "device-retired" => "the device is out of use",
            other => other,
        }
    }
}

/// Lists the alerts; those that are open unless something else is asked.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Query(filter): Query<OpenOnes>,
) -> Result<Html<String>, Problem> {
    shown(app, &view, msp, filter, None).await
}

async fn shown(
    app: Shared,
    view: &Page,
    msp: Msp,
    filter: OpenOnes,
    refused: Option<Refused>,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let asked = WhichAlerts { state: given(&filter.state), device: None, after: given(&filter.after) };
    let AlertList { alerts, next, .. } = findings::alerts(State(app), msp, Query(asked)).await?.0;
    let (all, wants) = (alerts.len(), filter.wants());
    let mut named: Vec<(AlertView, String)> = Vec::new();
    for alert in alerts {
        let name = names.device(&alert.device);
        if wants(alert.state, &|| format!("{name} {} {}", alert.summary, alert.condition)) {
            named.push((alert, name));
        }
    }
    drop(wants);
    let (found, paging) = (named.len(), filter.paging("/alerts", named.len(), next.as_deref()));
    let (frame, alerts) = (view.frame("Alerts"), paging.cut(named));
    page(&AlertsPage { frame, all, found, alerts, paging, refused, state: filter.state, q: filter.q })
}

/// Closes an alert by hand, with a reason.
pub(super) async fn close(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let reason = fields.text("reason").trim().to_owned();
    let closure = Closure { reason: reason.clone() };
    match findings::close(State(app.clone()), msp.clone(), Path(id.clone()), Body(closure)).await {
        Ok(_) => Ok(Redirect::to("/alerts?done=closed").into_response()),
        Err(problem) if problem.is_for_the_form() => {
            let refused = Refused { id, reason, problem: problem.detail().to_owned() };
            let filter = OpenOnes {
                state: fields.text("state").to_owned(),
                q: fields.text("q").to_owned(),
                page: 0,
                after: String::new(),
            };
            let status = problem.status();
            Ok((status, shown(app, &view, msp, filter, Some(refused)).await?).into_response())
        }
        Err(problem) => Err(problem),
    }
}
