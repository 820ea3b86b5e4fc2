//! Running a script on demand: asked by form, watched to its end. A page that waits loads itself anew, without any script.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::Deserialize;
use serde_json::{Value, json};

use super::devices::{Names, plain};
use super::fields::Fields;
use super::form::{self, Control};
use super::store::install::{Places, body, places};
use super::view::{Frame, Page};
use super::{page, words};
use crate::api::installation_changes;
use crate::api::installations::{self, InstallationView};
use crate::api::requests::{self, ExecutionView, NewRequest, RequestSummary, RequestView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::{Body, Problem};

#[derive(Template)]
#[template(path = "requests.html")]
struct RequestsPage {
    frame: Frame,
    scripts: Vec<(InstallationView, String)>,
    requests: Vec<(RequestSummary, String)>,
}

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    frame: Frame,
    request: RequestView,
    parameters: Vec<(String, String)>,
    /// Where one of the executions can still be taken back.
    waits: bool,
    /// Where its script is still installed.
    again: bool,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    installation: InstallationView,
    places: Vec<Places>,
    controls: Vec<Control>,
    problems: Vec<String>,
}

impl RequestPage {
    /// Says how much of a person's time a run saved.
    fn saved(&self, one: &ExecutionView) -> String {
        words::span(u64::from(one.saved_s).saturating_mul(1_000))
    }

    /// Says what a state means, where nothing else on the page does.
    fn meaning(&self, state: &str) -> &'static str {
        match state {
            "waiting" => "The device has not been told yet. It may be busy, or away.",
            "offered" => "The device was told, and has not taken the order yet.",
            "fetched" => "The device holds the order, and starts it next.",
            "started" => "It runs.",
            "expired" => "It had not begun by the deadline, and does not run any more.",
            "cancelled" => "It was taken back before it began.",
            "outcome-unknown" => {
                "It began, and what became of it cannot be known: look at the device before you run it again."
            }
            _ => "",
        }
    }
}

/// Lists the scripts that can be run, and what was asked lately.
pub(super) async fn list(State(app): State<Shared>, view: Page, msp: Msp) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let installed = installations::list(State(app.clone()), msp.clone()).await?.0.installations;
    let asked = requests::list(State(app), msp).await?.0.requests;
    // What runs when somebody asks has no interval.
    let scripts = installed.into_iter().filter(|installation| installation.interval_s == 0);
    let states = |request: &RequestSummary| {
        request.states.iter().map(|(state, count)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
    };
    page(&RequestsPage {
        frame: view.frame("Scripts"),
        scripts: scripts.map(|script| (names.target(&script.target), script)).map(|(t, s)| (s, t)).collect(),
        requests: asked.into_iter().map(|request| (states(&request), request)).map(|(s, r)| (r, s)).collect(),
    })
}

/// Shows where each device stands.
pub(super) async fn show(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let request = requests::show(State(app.clone()), msp.clone(), Path(id)).await?.0;
    let installed = installation_changes::show(State(app), msp, Path(request.installation.clone())).await;
    let mut frame = view.frame(format!("{} {}", request.accessory, request.version));
    frame.reload_s = (!request.over).then_some(2);
    let parameters = request.parameters.as_object().into_iter().flatten();
    page(&RequestPage {
        frame,
        parameters: parameters.map(|(name, value)| (name.clone(), plain(value))).collect(),
        waits: request.executions.iter().any(|one| matches!(one.state.as_str(), "waiting" | "offered" | "fetched")),
        again: installed.is_ok() && request.over,
        request,
    })
}

/// Takes back what has not started.
pub(super) async fn cancel(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<Redirect, Problem> {
    let _cancelled = requests::cancel(State(app), msp, Path(id.clone())).await?;
    Ok(Redirect::to(&format!("/requests/{id}?done=cancelled")))
}

/// Where it is meant to run.
#[derive(Deserialize)]
pub(super) struct Meant {
    #[serde(default)]
    target: String,
}

async fn script(app: &Shared, view: &Page, id: &str) -> Result<(InstallationView, Release), Problem> {
    let mut tx = app.store.read(view.caller.may(Action::RunScripts)?).await?;
    let (installation, release) = installations::found_with_release(&mut tx, id).await?;
    Ok((installations::view(&installation), release))
}

fn schema(release: &Release) -> Value {
    release.manifest.parameters_schema.clone().unwrap_or_else(|| json!({ "type": "object" }))
}

/// Shows the form.
pub(super) async fn form(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    Query(meant): Query<Meant>,
) -> Result<Html<String>, Problem> {
    let (installation, release) = script(&app, &view, &id).await?;
    let names = Names::read(&app, &msp).await?;
    page(&RunPage {
        frame: view.frame(format!("Run {}", installation.accessory)),
        places: places(&names, &meant.target),
        controls: form::controls(&schema(&release), &Value::Null),
        installation,
        problems: Vec::new(),
    })
}

/// Asks the devices to run it once; what is wrong comes back with the form as it was filled in.
pub(super) async fn run(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let (installation, release) = script(&app, &view, &id).await?;
    let schema = schema(&release);
    let asked = match body(fields.text("target")) {
        Ok(target) => {
            let parameters = Some(form::configuration(&schema, &fields));
            let target = Some(target);
            let new = NewRequest { installation: id, devices: None, target, parameters, deliver_within_s: None };
            requests::make(State(app.clone()), msp.clone(), Body(new)).await
        }
        Err(problem) => Err(problem),
    };
    let problem = match asked {
        Ok((_, asked)) => {
            let done = if asked.refused.is_empty() { "asked" } else { "asked-some" };
            return Ok(Redirect::to(&format!("/requests/{}?done={done}", asked.request.id)).into_response());
        }
        Err(problem) if problem.is_for_the_form() => problem,
        Err(problem) => return Err(problem),
    };
    let names = Names::read(&app, &msp).await?;
    let mut controls = form::entered(&schema, &fields);
    let mut problems = form::blame(&mut controls, "parameters", problem.detail());
    problems.extend(form::left_out(&problem));
    let frame = view.frame(format!("Run {}", installation.accessory));
    let shown =
        page(&RunPage { frame, places: places(&names, fields.text("target")), controls, installation, problems })?;
    Ok((problem.status(), shown).into_response())
}
