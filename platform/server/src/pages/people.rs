//! People: who may sign in for this MSP, as what, and for which clients.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::fields::Fields;
use super::page;
use super::view::{Frame, Page};
use crate::api::people::{self, ChangedPerson, ClientsBody, NewPerson, PersonView};
use crate::api::tenants::{self, ClientView};
use crate::app::Shared;
use crate::auth::Msp;
use crate::problem::{Body, Problem};

/// The roles of an MSP's people, and what each means.
const ROLES: [(&str, &str); 4] = [
    ("owner", "everything, people included"),
    ("technician", "installs, runs, works on tickets"),
    ("viewer", "sees the same, changes nothing"),
    ("client", "somebody of a customer, who sees its devices"),
];

/// One person in the list.
struct Line {
    person: PersonView,
    clients: String,
    chosen: Vec<String>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    roles: [(&'static str, &'static str); 4],
    clients: Vec<ClientView>,
    lines: Vec<Line>,
    problem: Option<String>,
    /// What was entered for somebody new.
    email: String,
    role: String,
    chosen: Vec<String>,
}

async fn shown(
    app: Shared,
    view: &Page,
    msp: Msp,
    problem: Option<String>,
    entered: &Fields,
) -> Result<Html<String>, Problem> {
    let people = people::list(State(app.clone()), msp.clone()).await?.0.people;
    let clients = tenants::clients(State(app), msp).await?.0.clients;
    let line = |person: PersonView| {
        let chosen = match &person.clients {
            ClientsBody::Word(_) => Vec::new(),
            ClientsBody::Only(ids) => ids.clone(),
        };
        let named: Vec<&str> = clients.iter().filter(|c| chosen.contains(&c.id)).map(|c| c.name.as_str()).collect();
        let all = matches!(person.clients, ClientsBody::Word(_));
        Line { clients: if all { "all".to_owned() } else { named.join(", ") }, chosen, person }
    };
    let lines = people.into_iter().map(line).collect();
    let role = Some(entered.text("role")).filter(|role| !role.is_empty()).unwrap_or("technician").to_owned();
    page(&PeoplePage {
        frame: view.frame("People"),
        roles: ROLES,
        lines,
        clients,
        problem,
        email: entered.text("email").to_owned(),
        role,
        chosen: entered.all("clients").map(str::to_owned).collect(),
    })
}

/// Lists the people.
pub(super) async fn list(State(app): State<Shared>, view: Page, msp: Msp) -> Result<Html<String>, Problem> {
    shown(app, &view, msp, None, &Fields::default()).await
}

/// No client chosen means all of them.
fn clients(fields: &Fields) -> ClientsBody {
    let some: Vec<String> = fields.all("clients").map(str::to_owned).collect();
    if some.is_empty() { ClientsBody::default() } else { ClientsBody::Only(some) }
}

/// Shows the list with what is wrong, if it is the form that is wrong.
async fn again(app: Shared, view: &Page, msp: Msp, problem: Problem, entered: &Fields) -> Result<Response, Problem> {
    if !problem.is_for_the_form() {
        return Err(problem);
    }
    Ok((problem.status(), shown(app, view, msp, Some(problem.detail().to_owned()), entered).await?).into_response())
}

/// Adds a person.
pub(super) async fn add(State(app): State<Shared>, view: Page, msp: Msp, fields: Fields) -> Result<Response, Problem> {
    let new = NewPerson {
        email: fields.text("email").to_owned(),
        password: fields.text("password").to_owned(),
        role: fields.text("role").to_owned(),
        clients: clients(&fields),
    };
    match people::add(State(app.clone()), msp.clone(), Body(new)).await {
        Ok(_) => Ok(Redirect::to("/people?done=added").into_response()),
        Err(problem) => again(app, &view, msp, problem, &fields).await,
    }
}

/// Gives a person another role or other clients.
pub(super) async fn change(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, Problem> {
    let changed = ChangedPerson { role: fields.text("role").to_owned(), clients: clients(&fields) };
    match people::change(State(app.clone()), msp.clone(), Path(id), Body(changed)).await {
        Ok(_) => Ok(Redirect::to("/people?done=changed").into_response()),
        Err(problem) => again(app, &view, msp, problem, &Fields::default()).await,
    }
}

/// Disables a person.
pub(super) async fn disable(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    match people::disable(State(app.clone()), msp.clone(), Path(id)).await {
        Ok(_) => Ok(Redirect::to("/people?done=disabled").into_response()),
        Err(problem) => again(app, &view, msp, problem, &Fields::default()).await,
    }
}
