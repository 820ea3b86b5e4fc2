//! The console: pages that the server renders, one file per noun. A page asks the same functions as the API, and shows what
//! they answer; without JavaScript everything works.

mod account;
mod alerts;
mod assets;
mod audit;
mod ceilings;
mod chart;
mod devices;
mod fault;
mod fields;
mod form;
mod guard;
mod home;
mod installations;
mod markdown;
mod paging;
mod people;
mod releases;
mod requests;
mod sign_in;
mod store;
mod tickets;
mod view;
mod words;

use askama::Template;
use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::app::Shared;
use crate::problem::Problem;

/// Makes the routes of the console. Every one of them is behind the guard: who is signed in, where a form came from, and which
/// headers an answer carries is decided there.
pub fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::show))
        .route("/account/password", post(account::change_password))
        .route("/assets/{name}", get(assets::show))
        .route("/store", get(store::list::show))
        .route("/store/{publisher}/{name}", get(store::detail::show))
        .route("/store/{publisher}/{name}/install", get(store::install::form).post(store::install::install))
        .route("/installations", get(installations::list))
        .route("/installations/{id}", get(installations::show))
        .route("/installations/{id}/change", get(installations::change::form).post(installations::change::change))
        .route("/installations/{id}/remove", post(installations::remove))
        .route("/installations/{id}/run", get(requests::form).post(requests::run))
        .route("/requests", get(requests::list))
        .route("/requests/{id}", get(requests::show))
        .route("/requests/{id}/cancel", post(requests::cancel))
        .route("/alerts", get(alerts::list))
        .route("/alerts/{id}/close", post(alerts::close))
        .route("/tickets", get(tickets::list))
        .route("/tickets/{id}", get(tickets::show))
        .route("/releases", get(releases::list))
        .route("/releases/{publisher}/{name}/{version}", get(releases::show))
        .route("/review", get(releases::queue))
        .route("/releases/{publisher}/{name}/{version}/{step}", post(releases::act))
        .route("/people", get(people::list).post(people::add))
        .route("/people/{id}", post(people::change))
        .route("/people/{id}/disable", post(people::disable))
        .route("/ceilings", get(ceilings::list).post(ceilings::set))
        .route("/ceilings/{subject}/remove", post(ceilings::remove))
        .route("/audit", get(audit::list))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::one::show))
        .layer(from_fn(guard::layer))
}

/// Answers a path that no route has: to a program as the API does, to a person with a page.
pub async fn fallback(uri: Uri) -> Response {
    let for_programs = uri.path().starts_with("/api/");
    let what = if for_programs { "route; /api/openapi.json lists them" } else { "page" };
    let problem = Problem::not_found(what).into_response();
    if for_programs { problem } else { guard::sealed(fault::as_page(problem, None), None) }
}

/// Renders a page.
fn page(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(Problem::internal)
}
