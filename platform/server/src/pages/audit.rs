//! The audit log: who did what, sealed entry by entry.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;

use super::page;
use super::view::{Frame, Page};
use crate::api::audit::{self, EntryView};
use crate::app::Shared;
use crate::problem::Problem;

/// Entries on one page.
const ON_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    entries: Vec<(EntryView, String)>,
    intact: bool,
    earlier: Option<i64>,
}

/// Lists the newest entries, or those before one.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    Query(asked): Query<audit::Page>,
) -> Result<Html<String>, Problem> {
    let log = audit::list(State(app), view.caller.clone(), Query(asked)).await?.0;
    let shown = log.entries.into_iter().rev().take(ON_PAGE);
    let entries: Vec<(EntryView, String)> = shown.map(|e| (e.details.to_string(), e)).map(|(d, e)| (e, d)).collect();
    let earlier = entries.last().map(|(entry, _)| entry.sequence).filter(|sequence| *sequence > 1);
    page(&AuditPage { frame: view.frame("Audit log"), entries, intact: log.intact, earlier })
}
