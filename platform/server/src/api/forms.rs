//! The form that a person fills in to configure an accessory.

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::form::{Field, fields};
use fitment_domain::tenant::Action;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{accessory, find_release};
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;

/// The fields of a release's configuration.
#[derive(Serialize, ToSchema)]
pub struct FormView {
    pub accessory: String,
    pub version: String,
    pub title: String,
    pub description: String,
    /// Each with name, title, description, kind, required, nullable, and what bounds it.
    #[schema(value_type = Vec<Value>)]
    pub fields: Vec<Field>,
    /// The whole configuration where every field is left as it is.
    #[schema(value_type = Value)]
    pub defaults: Value,
    /// Seconds between runs, if nobody chooses.
    pub interval_s: u64,
}

/// Shows the form.
#[utoipa::path(get, path = "/api/v1/releases/{publisher}/{name}/{version}/form", tag = "marketplace", responses(
    (status = 200, body = FormView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path((publisher, name, version)): Path<(String, String, String)>,
) -> Result<Json<FormView>, Problem> {
    let accessory = accessory(&publisher, &name)?;
    let release = find_release(&app, caller.may(Action::SeeReleases)?, &accessory, Some(&version)).await?;
    let schema = &release.manifest.config_schema;
    let text = |key: &str| schema[key].as_str().unwrap_or_default().to_owned();
    Ok(Json(FormView {
        accessory: release.accessory.to_string(),
        version: release.version.to_string(),
        title: text("title"),
        description: text("description"),
        fields: fields(schema),
        defaults: fitment_domain::form::with_defaults(schema, Value::Object(serde_json::Map::new())),
        interval_s: release.manifest.interval_s_or_default(),
    }))
}
