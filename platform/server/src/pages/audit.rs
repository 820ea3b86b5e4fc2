//! The audit log: who did what, sealed entry by entry. Names stand where the log has ids; the ids are beside them.

use std::collections::HashMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Html;
use fitment_domain::tenant::Action;
use serde_json::Value;

use super::devices::{Names, plain};
use super::view::{Frame, Page};
use super::{page, words};
use crate::api::audit::{self, EntryView};
use crate::api::{accounts, installations, people};
use crate::app::Shared;
use crate::problem::Problem;

/// Entries on one page.
const ON_PAGE: usize = 100;

/// An id, and what people call it.
struct Named {
    id: String,
    name: Option<String>,
}

/// One entry as people read it.
struct Line {
    entry: EntryView,
    who: Named,
    what: Named,
    details: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    lines: Vec<Line>,
    intact: bool,
    earlier: Option<i64>,
}

/// Returns what the one who looks calls the ids of the log.
async fn names(app: &Shared, view: &Page) -> Result<HashMap<String, String>, Problem> {
    let state = || State(app.clone());
    let mut names = HashMap::from([(view.caller.account.id.to_string(), view.caller.account.email.clone())]);
    for release in app.store.read(view.caller.may(Action::SeeReleases)?).await?.releases(None, None, None).await?.rows {
        names.insert(release.id.to_string(), format!("{} {}", release.accessory, release.version));
    }
    if let Some(msp) = view.msp() {
        let people = people::list(state(), msp.clone()).await?.0.people;
        names.extend(people.into_iter().map(|person| (person.id, person.email)));
        let installed = installations::list(state(), msp.clone()).await?.0.installations;
        names.extend(installed.into_iter().map(|one| (one.id, format!("{} {}", one.accessory, one.version))));
        let of_tenant = Names::read(app, &msp).await?;
        names.extend(of_tenant.all_devices().into_iter().chain(of_tenant.all_clients()));
        names.extend(of_tenant.all_locations());
    }
    if let Ok(operator) = view.caller.clone().operator() {
        let accounts = accounts::list(state(), operator).await?.0.accounts;
        names.extend(accounts.into_iter().map(|account| (account.id, account.email)));
    }
    Ok(names)
}

fn named(names: &HashMap<String, String>, id: String) -> Named {
    let kind = |(kind, rest): (&str, &str)| match kind {
        _ if rest.len() != 32 => None,
        "zer" => Some("a zero certificate".to_owned()),
        "req" => Some("a request".to_owned()),
        "pub" => Some("the publisher".to_owned()),
        _ => None,
    };
    let name = names.get(&id).cloned().or_else(|| id.split_once('_').and_then(kind));
    Named { id, name }
}

/// Writes a detail of an entry for people: names for ids, times for milliseconds.
fn said(names: &HashMap<String, String>, key: &str, value: &Value) -> String {
    match value {
        Value::String(text) => {
            let named = named(names, text.clone());
            named.name.unwrap_or(named.id)
        }
        Value::Array(many) if !many.is_empty() => {
            // An execution's own id says nothing beside its device's.
            let told = many.iter().filter(|one| !one.as_str().is_some_and(|text| text.starts_with("txn_")));
            told.map(|one| said(names, key, one)).collect::<Vec<_>>().join(", ")
        }
        Value::Object(members) => {
            let pairs = members.iter().map(|(name, value)| format!("{name}: {}", said(names, name, value)));
            pairs.collect::<Vec<_>>().join(", ")
        }
        Value::Number(ms) if key.ends_with("_ms") => ms.as_i64().map_or_else(|| ms.to_string(), words::utc),
        Value::Number(seconds) if key.ends_with("_s") => {
            seconds.as_u64().map_or_else(|| seconds.to_string(), |s| words::span(s.saturating_mul(1_000)))
        }
        other => plain(other),
    }
}

/// Writes the name of a detail: units are in the value then.
fn titled(name: &str) -> String {
    name.trim_end_matches("_ms").trim_end_matches("_s").replace('_', " ")
}

fn line(names: &HashMap<String, String>, entry: EntryView) -> Line {
    let details = entry.details.as_object().into_iter().flatten();
    Line {
        who: named(names, entry.actor.clone()),
        what: named(names, entry.subject.clone()),
        details: details.map(|(name, value)| (titled(name), said(names, name, value))).collect(),
        entry,
    }
}

/// Lists the newest entries, or those before one.
pub(super) async fn list(
    State(app): State<Shared>,
    view: Page,
    Query(asked): Query<audit::Page>,
) -> Result<Html<String>, Problem> {
    let log = audit::list(State(app.clone()), view.caller.clone(), Query(asked)).await?.0;
    let names = names(&app, &view).await?;
    let lines: Vec<Line> = log.entries.into_iter().rev().take(ON_PAGE).map(|entry| line(&names, entry)).collect();
    let earlier = lines.last().map(|line| line.entry.sequence).filter(|sequence| *sequence > 1);
    page(&AuditPage { frame: view.frame("Audit log"), lines, intact: log.intact, earlier })
}
