//! Installing by form: where, with which settings, and agreed to permission by permission.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use fitment_domain::budget::BudgetAsked;
use fitment_domain::installation::Target;
use fitment_domain::manifest::Kind;
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::fit::{FitView, judge};
use crate::api::installations::{self, NewInstallation, TargetBody};
use crate::api::releases::{PermissionView, permissions};
use crate::api::{accessory, find_release};
use crate::app::Shared;
use crate::auth::Msp;
use crate::limits::Limits;
use crate::pages::devices::Names;
use crate::pages::fields::Fields;
use crate::pages::form::{self, Control};
use crate::pages::view::{Frame, Page};
use crate::pages::{page, words};
use crate::problem::{Body, Problem};

/// Which release, and where it is meant to go.
#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    version: Option<String>,
    #[serde(default)]
    target: String,
}

/// One place to choose: `all`, or kind and id with a colon between them.
pub(in crate::pages) struct Place {
    pub(in crate::pages) value: String,
    pub(in crate::pages) label: String,
    pub(in crate::pages) chosen: bool,
}

/// The places of one kind.
pub(in crate::pages) struct Places {
    pub(in crate::pages) label: &'static str,
    pub(in crate::pages) places: Vec<Place>,
}

#[derive(Template)]
#[template(path = "install.html")]
struct InstallPage {
    frame: Frame,
    publisher: String,
    name: String,
    version: String,
    places: Vec<Places>,
    controls: Vec<Control>,
    permissions: Vec<(PermissionView, bool)>,
    interval_s: String,
    /// What a run may spend instead of what is asked, in words.
    budget: String,
    /// Whether it runs by the clock; what does not, runs when somebody asks.
    scheduled: bool,
    /// What is wrong, as far as it is about no field.
    problems: Vec<String>,
    preview: Option<FitView>,
}

async fn release(
    app: &Shared,
    view: &Page,
    path: &(String, String),
    version: Option<&str>,
) -> Result<Release, Problem> {
    let scope = view.caller.may(Action::Install)?;
    let release = find_release(app, scope, &accessory(&path.0, &path.1)?, version).await?;
    if release.manifest.kind().is_ok_and(Kind::runs_on_devices) {
        return Ok(release);
    }
    let detail = format!("a {} runs on the server: connect it with `fitment connect`", release.kind);
    Err(Problem::conflict("not-for-devices", detail))
}

/// Returns the interval to begin with; none for what runs when somebody asks.
fn interval_s(release: &Release) -> String {
    let scheduled = release.manifest.kind().is_ok_and(Kind::is_scheduled);
    if scheduled { release.manifest.interval_s_or_default().to_string() } else { String::new() }
}

/// Shows the form.
pub(in crate::pages) async fn form(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(path): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Html<String>, Problem> {
    let release = release(&app, &view, &path, which.version.as_deref()).await?;
    let names = Names::read(&app, &msp).await?;
    page(&InstallPage {
        frame: view.frame(format!("Install {}", release.accessory)),
        places: places(&names, &which.target),
        controls: form::controls(&release.manifest.config_schema, &Value::Null),
        permissions: permissions(&release).into_iter().map(|permission| (permission, false)).collect(),
        interval_s: interval_s(&release),
        budget: String::new(),
        scheduled: scheduled(&release),
        problems: Vec::new(),
        preview: None,
        version: release.version.to_string(),
        publisher: path.0,
        name: path.1,
    })
}

/// Installs, or shows where it would fit; what is wrong comes back with the form as it was filled in.
pub(in crate::pages) async fn install(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(path): Path<(String, String)>,
    fields: Fields,
) -> Result<Response, Problem> {
    let release = release(&app, &view, &path, Some(fields.text("version"))).await?;
    let schema = &release.manifest.config_schema;
    let consent: BTreeSet<String> = fields.all("consent").map(str::to_owned).collect();
    let mut controls = form::entered(schema, &fields);
    let (mut problems, mut preview, mut status) = (Vec::new(), None, StatusCode::OK);
    if fields.text("act") == "preview" {
        preview = Some(preview_of(&app, &view, &release, fields.text("target")).await?);
    } else {
        let installed = match asked(&release, &fields, consent.clone()) {
            Ok(new) => installations::install(State(app.clone()), msp.clone(), Body(new)).await,
            Err(problem) => Err(problem),
        };
        match installed {
            Ok((_, installed)) => {
                let path = format!("/installations/{}?done=installed", installed.installation.id);
                return Ok(Redirect::to(&path).into_response());
            }
            Err(problem) if problem.status().is_client_error() && problem.status() != StatusCode::FORBIDDEN => {
                status = problem.status();
                problems = match problem.code() {
                    "config-invalid" => form::blame(&mut controls, "config", problem.detail()),
                    "consent-needed" => {
                        vec!["Agree to each permission, or do not install it: without them it does not run.".to_owned()]
                    }
                    _ => [vec![problem.detail().to_owned()], form::left_out(&problem)].concat(),
                };
            }
            Err(problem) => return Err(problem),
        }
    }
    let names = Names::read(&app, &msp).await?;
    let shown = page(&InstallPage {
        frame: view.frame(format!("Install {}", release.accessory)),
        places: places(&names, fields.text("target")),
        controls,
        permissions: permissions(&release)
            .into_iter()
            .map(|p| (consent.contains(&p.name), p))
            .map(|(c, p)| (p, c))
            .collect(),
        interval_s: fields.text("interval_s").to_owned(),
        budget: fields.text("budget").to_owned(),
        scheduled: scheduled(&release),
        problems,
        preview,
        version: release.version.to_string(),
        publisher: path.0,
        name: path.1,
    })?;
    Ok((status, shown).into_response())
}

fn scheduled(release: &Release) -> bool {
    release.manifest.kind().is_ok_and(Kind::is_scheduled)
}

fn asked(release: &Release, fields: &Fields, consent: BTreeSet<String>) -> Result<NewInstallation, Problem> {
    let interval = fields.text("interval_s").trim();
    let bad = || Problem::invalid("runs every: write a number of seconds");
    Ok(NewInstallation {
        budget: budget(fields.text("budget"))?,
        // Chosen by the command line and the API alone.
        warm: false,
        accessory: release.accessory.to_string(),
        version: Some(release.version.to_string()),
        target: body(fields.text("target"))?,
        config: Some(form::configuration(&release.manifest.config_schema, fields)),
        consent,
        interval_s: if interval.is_empty() { None } else { Some(interval.parse().map_err(|_| bad())?) },
    })
}

/// Reads what a run may spend, as it is written on the command line, with commas between the bounds.
pub(in crate::pages) fn budget(text: &str) -> Result<BudgetAsked, Problem> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    BudgetAsked::from_words(words).map_err(|error| Problem::invalid(format!("what a run may spend: {error}")))
}

/// Reads a chosen place.
pub(in crate::pages) fn body(chosen: &str) -> Result<TargetBody, Problem> {
    let value = match chosen.split_once(':') {
        Some((kind, id)) => json!({ kind: id }),
        None => json!(chosen),
    };
    serde_json::from_value(value)
        .map_err(|_| Problem::invalid("where: choose all devices, a client, a location or a device"))
}

async fn preview_of(app: &Shared, view: &Page, release: &Release, chosen: &str) -> Result<FitView, Problem> {
    let mut tx = app.store.read(view.caller.may(Action::Install)?).await?;
    let target: Target = installations::target(&mut tx, &body(chosen)?).await?;
    let (devices, limits) = (tx.devices().await?, Limits::read(&mut tx).await?);
    drop(tx);
    judge(app, release, &devices, &target, &limits, None)
}

/// Lists the places that can be chosen.
pub(in crate::pages) fn places(names: &Names, chosen: &str) -> Vec<Places> {
    let place = |value: String, label: String| Place { chosen: value == chosen, value, label };
    let of = |label, kind: &str, all: Vec<(String, String)>| {
        let places = all.into_iter().map(|(id, name)| place(format!("{kind}:{id}"), name)).collect();
        Places { label, places }
    };
    vec![
        Places {
            label: "Everywhere",
            places: vec![place("all".to_owned(), "all devices, also those to come".to_owned())],
        },
        of("Clients", "client", names.all_clients()),
        of("Locations", "location", names.all_locations()),
        of("Devices", "device", names.all_devices()),
    ]
}
