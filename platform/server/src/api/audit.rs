//! The audit log of the caller's own scope.

use axum::Json;
use axum::extract::{Query, State};
use fitment_domain::audit::Entry;
use fitment_domain::tenant::Action;
use fitment_store::AUDIT_PAGE_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;

/// Which page.
#[derive(Deserialize, IntoParams)]
pub struct Page {
    /// Only entries before this sequence; default: the newest.
    pub before: Option<i64>,
}

/// One entry, sealed with the hash of the one before it.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    pub sequence: i64,
    pub at_ms: i64,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub details: Value,
    pub hash: String,
}

/// A page of the log, oldest first, at most 500 entries. The sequence of its first one is the `before` of the page before it;
/// the log begins with sequence 1.
#[derive(Serialize, ToSchema)]
pub struct AuditLog {
    pub entries: Vec<EntryView>,
    /// Whether each entry of the page fits the one before it, and nothing is missing at the end.
    pub intact: bool,
}

/// Lists a page of the audit log, the newest by default, and checks its chain.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Page), responses((status = 200, body = AuditLog)))]
pub async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<AuditLog>, Problem> {
    let page = app.store.read(caller.may(Action::SeeAudit)?).await?.audit(page.before, AUDIT_PAGE_MAX).await?;
    let one = |entry: Entry| EntryView {
        sequence: entry.sequence,
        at_ms: entry.at.0,
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        details: serde_json::from_str(&entry.details).unwrap_or_default(),
        hash: entry.hash.to_string(),
    };
    Ok(Json(AuditLog { intact: page.broken_at.is_none(), entries: page.entries.into_iter().map(one).collect() }))
}
