//! Changing an installation by form: settings, where, how often, and which version. What reaches further than what was agreed
//! to is shown, and wants a consent of its own.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use fitment_domain::form::with_defaults;
use fitment_domain::installation::Installation;
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::find_release;
use crate::api::installation_changes::{self, further};
use crate::api::installations;
use crate::api::releases::{PermissionView, permissions};
use crate::app::Shared;
use crate::auth::Msp;
use crate::pages::devices::Names;
use crate::pages::fields::Fields;
use crate::pages::form::{self, Control};
use crate::pages::page;
use crate::pages::store::install::{Places, body, budget, places};
use crate::pages::view::{Frame, Page};
use crate::problem::{Body, Problem};

/// One version to choose.
struct Version {
    version: String,
    state: &'static str,
    shown: bool,
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    frame: Frame,
    id: String,
    accessory: String,
    /// What is installed now.
    installed: String,
    /// What the form is for.
    version: String,
    versions: Vec<Version>,
    target: String,
    places: Vec<Places>,
    controls: Vec<Control>,
    interval_s: String,
    /// What a run may spend instead of what is asked, in words.
    budget: String,
    scheduled: bool,
    /// What reaches further than what was agreed to, in sentences; if anything does, each permission is agreed to anew.
    further: Vec<String>,
    permissions: Vec<(PermissionView, bool)>,
    problems: Vec<String>,
}

/// Which version the form is for; without one, the one that is installed.
#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    version: Option<String>,
}

/// An installation, and the release that its form is for.
struct Subject {
    before: Installation,
    release: Release,
    versions: Vec<Version>,
}

/// What stands in the form.
struct Filled {
    config: Value,
    controls: Vec<Control>,
    interval_s: String,
    budget: String,
    target: String,
    consent: BTreeSet<String>,
    problems: Vec<String>,
}

async fn subject(app: &Shared, view: &Page, id: &str, version: Option<&str>) -> Result<Subject, Problem> {
    let scope = view.caller.may(Action::Install)?;
    let mut tx = app.store.read(scope.clone()).await?;
    let before = installations::found(&mut tx, id).await?;
    let known = tx.releases_of(&before.accessory).await?;
    drop(tx);
    let installed = before.version.to_string();
    let release = find_release(app, scope, &before.accessory, Some(version.unwrap_or(&installed))).await?;
    let offered = known.iter().filter(|one| one.is_installable() || one.version == before.version);
    let versions = offered.map(|one| Version {
        version: one.version.to_string(),
        state: one.state.as_str(),
        shown: one.version == release.version,
    });
    Ok(Subject { versions: versions.collect(), before, release })
}

async fn shown(
    app: &Shared,
    view: &Page,
    msp: &Msp,
    subject: Subject,
    filled: Filled,
) -> Result<Html<String>, Problem> {
    let Subject { before, release, versions } = subject;
    let names = Names::read(app, msp).await?;
    let config = with_defaults(&release.manifest.config_schema, filled.config);
    let further = further(&release, &config, &before.grants)?;
    let asked = if further.is_empty() { Vec::new() } else { permissions(&release) };
    page(&ChangePage {
        frame: view.frame(format!("Change {}", before.accessory)),
        id: before.id.to_string(),
        accessory: before.accessory.to_string(),
        installed: before.version.to_string(),
        version: release.version.to_string(),
        versions,
        target: names.target(&json!(before.target)),
        places: places(&names, &filled.target),
        controls: filled.controls,
        interval_s: filled.interval_s,
        budget: filled.budget,
        scheduled: before.interval_s > 0,
        further,
        permissions: asked
            .into_iter()
            .map(|one| (filled.consent.contains(&one.name), one))
            .map(|(c, p)| (p, c))
            .collect(),
        problems: filled.problems,
    })
}

/// Shows the form.
pub(in crate::pages) async fn form(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Html<String>, Problem> {
    let subject = subject(&app, &view, &id, which.version.as_deref()).await?;
    let filled = Filled {
        config: subject.before.config.clone(),
        controls: form::controls(&subject.release.manifest.config_schema, &subject.before.config),
        interval_s: subject.before.interval_s.to_string(),
        budget: subject.before.budget.words(),
        target: String::new(),
        consent: BTreeSet::new(),
        problems: Vec::new(),
    };
    shown(&app, &view, &msp, subject, filled).await
}

/// Changes it; what is wrong comes back with the form as it was filled in.
pub(in crate::pages) async fn change(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let subject = subject(&app, &view, &id, Some(fields.text("version"))).await?;
    let schema = subject.release.manifest.config_schema.clone();
    let config = form::configuration(&schema, &fields);
    let changed = match asked(&subject, &fields, &config) {
        Ok(asked) => installation_changes::change(State(app.clone()), msp.clone(), Path(id.clone()), Body(asked)).await,
        Err(problem) => Err(problem),
    };
    let problem = match changed {
        Ok(_) => return Ok(Redirect::to(&format!("/installations/{id}?done=reconfigured")).into_response()),
        Err(problem) if problem.is_for_the_form() => problem,
        Err(problem) => return Err(problem),
    };
    let mut controls = form::entered(&schema, &fields);
    let problems = match problem.code() {
        "config-invalid" => form::blame(&mut controls, "config", problem.detail()),
        "consent-needed" => vec!["It would reach further than what was agreed to: see below.".to_owned()],
        _ => [vec![problem.detail().to_owned()], form::left_out(&problem)].concat(),
    };
    let filled = Filled {
        config,
        controls,
        interval_s: fields.text("interval_s").to_owned(),
        budget: fields.text("budget").to_owned(),
        target: fields.text("target").to_owned(),
        consent: fields.all("consent").map(str::to_owned).collect(),
        problems,
    };
    Ok((problem.status(), shown(&app, &view, &msp, subject, filled).await?).into_response())
}

/// Reads what the form asks for, in the words of the API.
fn asked(
    subject: &Subject,
    fields: &Fields,
    config: &Value,
) -> Result<installation_changes::InstallationChange, Problem> {
    let mut asked = Map::new();
    asked.insert("version".to_owned(), json!(subject.release.version));
    asked.insert("config".to_owned(), config.clone());
    asked.insert("budget".to_owned(), json!(budget(fields.text("budget"))?));
    if subject.before.interval_s > 0 {
        let seconds = fields.text("interval_s").trim().parse::<u64>().unwrap_or_default();
        asked.insert("interval_s".to_owned(), json!(seconds));
    }
    let target = fields.text("target");
    if !target.is_empty() {
        // Read once here, so that a wrong choice is told in the words of the form.
        body(target)?;
        asked.insert(
            "target".to_owned(),
            target.split_once(':').map_or(json!(target), |(kind, id)| json!({ kind: id })),
        );
    }
    let consent: Vec<&str> = fields.all("consent").collect();
    if !consent.is_empty() {
        asked.insert("consent".to_owned(), json!(consent));
    }
    serde_json::from_value(Value::Object(asked)).map_err(Problem::invalid)
}
