//! The audit log of the caller's own scope.

use axum::Json;
use axum::extract::State;
use fitment_domain::audit::{Entry, first_break};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;

/// One entry, sealed with the hash of the one before it.
#[derive(Serialize, ToSchema)]
pub struct EntryView {
    sequence: i64,
    at_ms: i64,
    actor: String,
    action: String,
    subject: String,
    details: Value,
    hash: String,
}

/// The log, oldest first.
#[derive(Serialize, ToSchema)]
pub struct AuditLog {
    entries: Vec<EntryView>,
    /// Whether every entry fits the chain.
    intact: bool,
}

/// Lists the audit log and checks its chain.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", responses((status = 200, body = AuditLog)))]
pub async fn list(State(app): State<Shared>, caller: Caller) -> Result<Json<AuditLog>, Problem> {
    let entries = app.store.read(caller.scope()).await?.audit().await?;
    let intact = first_break(&entries).is_none();
    let one = |entry: Entry| EntryView {
        sequence: entry.sequence,
        at_ms: entry.at.0,
        actor: entry.actor,
        action: entry.action,
        subject: entry.subject,
        details: serde_json::from_str(&entry.details).unwrap_or_default(),
        hash: entry.hash.to_string(),
    };
    Ok(Json(AuditLog { entries: entries.into_iter().map(one).collect(), intact }))
}
