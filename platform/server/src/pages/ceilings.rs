//! Ceilings: what accessories may do at most, everywhere, at a client or on a device.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use fitment_domain::ceiling;

use super::devices::Names;
use super::fields::Fields;
use super::page;
use super::view::{Frame, Page};
use crate::api::ceilings::{self, CeilingBody, CeilingView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::{Body, Problem};

/// One ceiling in the list.
struct Line {
    of: String,
    ceiling: CeilingView,
    words: String,
}

#[derive(Template)]
#[template(path = "ceilings.html")]
struct CeilingsPage {
    frame: Frame,
    plan: Option<CeilingView>,
    lines: Vec<Line>,
    clients: Vec<(String, String)>,
    devices: Vec<(String, String)>,
    problem: Option<String>,
    /// What was entered.
    subject: String,
    words: String,
}

async fn shown(
    app: Shared,
    view: &Page,
    msp: Msp,
    problem: Option<String>,
    entered: &Fields,
) -> Result<Html<String>, Problem> {
    let names = Names::read(&app, &msp).await?;
    let all = ceilings::list(State(app), msp).await?.0;
    let of = |subject: &str| match subject {
        "msp" => "every device".to_owned(),
        id if id.starts_with("cli_") => names.client(id),
        id => names.device(id),
    };
    let words = |one: &CeilingView| one.permissions.as_ref().map(ceiling::to_words).unwrap_or_default().join("\n");
    let lines = all.ceilings.into_iter().map(|one| Line { of: of(&one.subject), words: words(&one), ceiling: one });
    page(&CeilingsPage {
        frame: view.frame("Permission ceilings"),
        plan: all.plan,
        lines: lines.collect(),
        clients: names.all_clients(),
        devices: names.all_devices(),
        problem,
        subject: entered.text("subject").to_owned(),
        words: entered.text("words").to_owned(),
    })
}

/// Lists the ceilings.
pub(super) async fn list(State(app): State<Shared>, view: Page, msp: Msp) -> Result<Html<String>, Problem> {
    shown(app, &view, msp.limits()?, None, &Fields::default()).await
}

/// Sets a ceiling.
pub(super) async fn set(State(app): State<Shared>, view: Page, msp: Msp, fields: Fields) -> Result<Response, Problem> {
    let subject = Path(fields.text("subject").to_owned());
    let body = ceiling::from_words(fields.text("words").lines()).map_err(Problem::invalid);
    let done = match body {
        Ok(permissions) => {
            let body = Body(CeilingBody { permissions });
            ceilings::set(State(app.clone()), msp.clone(), subject, body).await.map(|_| ())
        }
        Err(problem) => msp.clone().limits().and(Err(problem)),
    };
    match done {
        Ok(()) => Ok(Redirect::to("/ceilings?done=limited").into_response()),
        Err(problem) if problem.is_for_the_form() => {
            let said = Some(problem.detail().to_owned());
            Ok((problem.status(), shown(app, &view, msp, said, &fields).await?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Removes a ceiling.
pub(super) async fn remove(
    State(app): State<Shared>,
    msp: Msp,
    Path(subject): Path<String>,
) -> Result<Redirect, Problem> {
    ceilings::remove(State(app), msp, Path(subject)).await?;
    Ok(Redirect::to("/ceilings?done=limited"))
}
