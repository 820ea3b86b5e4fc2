//! What pages are dressed with: one style sheet and one icon, part of the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{HeaderName, header};
use fitment_domain::bytes::Digest;

use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/console.css");
const ICON: &str = include_str!("../../assets/icon.svg");

/// The style sheet's own digest is in its address: a browser keeps it until there is another one.
static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/console-{:.12}.css", Digest::of(STYLE.as_bytes()).as_str()));

/// Returns the address of the style sheet.
pub(super) fn style_path() -> &'static str {
    &STYLE_PATH
}

/// Serves an asset by its name.
pub(super) async fn show(Path(name): Path<String>) -> Result<([(HeaderName, &'static str); 2], &'static str), Problem> {
    let (kind, text) = match name.as_str() {
        "icon.svg" => ("image/svg+xml", ICON),
        style if style_path().strip_prefix("/assets/") == Some(style) => ("text/css; charset=utf-8", STYLE),
        _ => return Err(Problem::not_found("asset")),
    };
    let kept = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, kept)], text))
}
