//! Alerts: what is bad now, and what was.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use serde::Deserialize;

use super::devices::Names;
use super::page;
use super::view::{Frame, Page};
use crate::api::findings::{self, AlertView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::Problem;

/// What the list is narrowed to.
#[derive(Deserialize)]
pub(super) struct Filter {
    #[serde(default = "open")]
    state: String,
    #[serde(default)]
    q: String,
}

fn open() -> String {
    "open".to_owned()
}

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
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let alerts = findings::alerts(State(app), msp).await?.0.alerts;
    let (all, text) = (alerts.len(), filter.q.trim().to_lowercase());
    let named = alerts.into_iter().map(|alert| (names.device(&alert.device), alert));
    let wanted = named.filter(|(name, alert)| {
        (filter.state.is_empty() || alert.state == filter.state)
            && (text.is_empty()
                || format!("{name} {} {}", alert.summary, alert.condition).to_lowercase().contains(&text))
    });
    let alerts = wanted.map(|(name, alert)| (alert, name)).collect();
    page(&AlertsPage { frame: view.frame("Alerts"), all, alerts, state: filter.state, q: filter.q })
}
