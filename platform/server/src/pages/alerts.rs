//! Alerts: what is bad now, and what was.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;

use super::devices::Names;
use super::page;
use super::view::{Frame, OpenOnes, Page};
use crate::api::findings::{self, AlertView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    state: String,
    q: String,
    all: usize,
    alerts: Vec<(AlertView, String)>,
}

/// Lists the alerts; those that are open unless something else is asked.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Query(filter): Query<OpenOnes>,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let alerts = findings::alerts(State(app), msp).await?.0.alerts;
    let (all, wants) = (alerts.len(), filter.wants());
    let mut named: Vec<(AlertView, String)> = Vec::new();
    for alert in alerts {
        let name = names.device(&alert.device);
        if wants(alert.state, &|| format!("{name} {} {}", alert.summary, alert.condition)) {
            named.push((alert, name));
        }
    }
    drop(wants);
    page(&AlertsPage { frame: view.frame("Alerts"), all, alerts: named, state: filter.state, q: filter.q })
}
