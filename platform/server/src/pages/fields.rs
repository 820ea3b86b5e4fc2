//! The fields of a form that was sent. The guard reads them; whoever wants them without it gets none.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::Shared;
use crate::problem::Problem;

const FIELDS_MAX: usize = 1_000;

/// Names and values in the order of the form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded`.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).take(FIELDS_MAX).map(|(n, v)| (n.into_owned(), v.into_owned())).collect())
    }

    /// Returns the first value of a field; empty if it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Returns every value of a field.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<Shared> for Fields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Shared) -> Result<Self, Problem> {
        parts.extensions.remove().ok_or_else(|| Problem::internal("a form reached its page without the guard"))
    }
}
