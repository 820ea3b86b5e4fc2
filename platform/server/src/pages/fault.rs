//! Error answers for people: the same code and request id as a program gets, as a page.

use askama::Template;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::assets;
use crate::problem::{SpeaksForItself, Words, request_id};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    style: &'static str,
    title: &'static str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    request_id: String,
}

/// Turns an error answer into a page; whoever is not signed in is led to where that can be done.
pub(super) fn as_page(response: Response, asked: Option<&Uri>) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_page = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"text/html"));
    if !is_error {
        return response;
    }
    if is_page {
        return speaking(response);
    }
    if status == StatusCode::UNAUTHORIZED {
        return Redirect::to(&sign_in_path(asked)).into_response();
    }
    let words = response.extensions().get::<Words>();
    let (code, detail) = words.map_or_else(|| unworded(status), |words| (words.code, words.detail.as_str()));
    let page = ErrorPage {
        style: assets::style_path(),
        title: title(status),
        status: status.as_u16(),
        code,
        detail,
        request_id: request_id(),
    };
    let Ok(html) = page.render() else { return response };
    let mut answer = (status, axum::response::Html(html)).into_response();
    if let Some(after) = response.headers().get(header::RETRY_AFTER).cloned() {
        answer.headers_mut().insert(header::RETRY_AFTER, after);
    }
    speaking(answer)
}

fn speaking(mut response: Response) -> Response {
    response.extensions_mut().insert(SpeaksForItself);
    response
}

/// Returns where to sign in, and from there back to what was asked for.
fn sign_in_path(asked: Option<&Uri>) -> String {
    let path = asked.and_then(Uri::path_and_query).map_or("/", |path| path.as_str());
    if path == "/" {
        return "/sign-in".to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
    format!("/sign-in?{query}")
}

fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is no such page",
        StatusCode::FORBIDDEN => "This is not for your account",
        StatusCode::METHOD_NOT_ALLOWED => "This page does not take that",
        StatusCode::SERVICE_UNAVAILABLE => "Not now",
        _ if status.is_server_error() => "The server failed",
        _ => "That did not work",
    }
}

fn unworded(status: StatusCode) -> (&'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => ("not-found", "no such page"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "this page has no such method"),
        _ if status.is_server_error() => ("internal", "the server failed; the request id finds the cause in its log"),
        _ => ("invalid", "the request was not understood"),
    }
}
