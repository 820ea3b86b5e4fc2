//! Signing in by form: the cookie holds the same token that programs send.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::fields::Fields;
use super::{assets, guard, page};
use crate::api::sessions::{self, SignIn};
use crate::app::Shared;
use crate::auth::{Caller, TOKEN_LIFETIME_MS};
use crate::problem::{Body, Problem};

const RETURN_BYTES_MAX: usize = 2_000;

/// Where to go afterwards.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    return_to: String,
    #[serde(default)]
    done: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    style: &'static str,
    return_to: &'a str,
    email: &'a str,
    problem: Option<&'a str>,
    signed_out: bool,
}

/// Returns a path of this server, or none: nobody is led elsewhere.
fn local(path: &str) -> Option<&str> {
    let plain = path.len() <= RETURN_BYTES_MAX && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (plain && path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

/// Shows the form.
pub(super) async fn form(Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let (return_to, signed_out) = (local(&asked.return_to).unwrap_or("/"), asked.done == "signed-out");
    page(&SignInPage { style: assets::style_path(), return_to, email: "", problem: None, signed_out })
}

/// Signs in: the token goes into a cookie that no script reads and no other site sends.
pub(super) async fn sign_in(
    State(app): State<Shared>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, Problem> {
    let (email, return_to) = (fields.text("email"), local(fields.text("return_to")).unwrap_or("/"));
    let asked = SignIn {
        email: email.to_owned(),
        password: fields.text("password").to_owned(),
        label: Some("console".to_owned()),
    };
    match sessions::sign_in(State(app), Body(asked)).await {
        Ok((_, signed_in)) => {
            let mut response = Redirect::to(return_to).into_response();
            let cookie = cookie(&signed_in.token, TOKEN_LIFETIME_MS / 1_000, by_https(&headers))?;
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(problem) if problem.status().is_client_error() => {
            let (style, status, problem) = (assets::style_path(), problem.status(), Some(problem.detail()));
            let again = page(&SignInPage { style, return_to, email, problem, signed_out: false })?;
            Ok((status, again).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// Signs out: the token is worth nothing any more, and the browser forgets it.
pub(super) async fn sign_out(
    State(app): State<Shared>,
    headers: HeaderMap,
    caller: Caller,
) -> Result<Response, Problem> {
    sessions::sign_out(State(app), caller).await?;
    let mut response = Redirect::to("/sign-in?done=signed-out").into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie("", 0, by_https(&headers))?);
    Ok(response)
}

/// Tells by the browser's own word whether it reaches us by https, also through a proxy that ends TLS.
fn by_https(headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn cookie(token: &str, age_s: u64, secure: bool) -> Result<HeaderValue, Problem> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age_s}{secure}", guard::COOKIE);
    HeaderValue::from_str(&text).map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for path in ["/", "/devices?page=2", "/store/a/b"] {
            assert_eq!(local(path), Some(path));
        }
        for path in
            ["", "//example.com", "/\\example.com", "https://example.com", "devices", "/a\nb", "/\t/x", "javascript:x"]
        {
            assert_eq!(local(path), None, "{path:?}");
        }
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_other_sites_and_plain_text() {
        let text =
            |secure| cookie("t", 60, secure).ok().and_then(|c| c.to_str().map(str::to_owned).ok()).unwrap_or_default();
        assert_eq!(text(false), "fitment_session=t; HttpOnly; SameSite=Strict; Path=/; Max-Age=60");
        assert!(text(true).ends_with("; Secure"));
    }
}
