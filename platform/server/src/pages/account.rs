//! One's own account: who one is here, and a new password.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect, Response};

use super::devices::Names;
use super::fields::Fields;
use super::page;
use super::view::{Frame, Page};
use crate::api::people::ClientsBody;
use crate::api::sessions::{self, AccountView, NewPassword};
use crate::app::Shared;
use crate::problem::{Body, Problem};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    account: AccountView,
    /// The names of the clients that one is there for; none where the question has no sense.
    clients: Option<String>,
    /// What is wrong with the form, and at which of its fields.
    problem: Option<(&'static str, String)>,
}

async fn shown(app: Shared, view: &Page, problem: Option<(&'static str, String)>) -> Result<Html<String>, Problem> {
    let account = sessions::me(State(app.clone()), view.caller.clone()).await?.0;
    let clients = match (&account.clients, view.msp()) {
        (Some(ClientsBody::Word(_)), _) => Some("all".to_owned()),
        (Some(ClientsBody::Only(ids)), Some(msp)) => {
            let names = Names::read(&app, &msp).await?;
            Some(ids.iter().map(|id| names.client(id)).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    };
    page(&AccountPage { frame: view.frame("Your account"), account, clients, problem })
}

/// Shows it.
pub(super) async fn show(State(app): State<Shared>, view: Page) -> Result<Html<String>, Problem> {
    shown(app, &view, None).await
}

/// Changes the password; what was entered is not shown again.
pub(super) async fn change_password(
    State(app): State<Shared>,
    view: Page,
    fields: Fields,
) -> Result<Response, Problem> {
    if fields.text("new") != fields.text("again") {
        let differs = ("again", "it differs from the one above: type the new password twice the same".to_owned());
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(app, &view, Some(differs)).await?).into_response());
    }
    let asked = NewPassword { old: fields.text("old").to_owned(), new: fields.text("new").to_owned() };
    let problem = match sessions::change_password(State(app.clone()), view.caller.clone(), Body(asked)).await {
        Ok(_) => return Ok(Redirect::to("/account?done=password").into_response()),
        Err(problem) if problem.status().is_client_error() => problem,
        Err(problem) => return Err(problem),
    };
    let (field, words) = match problem.code() {
        "wrong-password" => ("old", "this is not the password of your account".to_owned()),
        "invalid" => ("new", problem.detail().trim_start_matches("new: ").to_owned()),
        _ => ("old", problem.detail().to_owned()),
    };
    Ok((problem.status(), shown(app, &view, Some((field, words))).await?).into_response())
}
