//! What is known of devices, by name.

use axum::Json;
use fitment_domain::device::fact::DESCRIBED;
use fitment_domain::tenant::Action;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Caller;
use crate::problem::Problem;

/// The facts that agents report.
#[derive(Serialize, ToSchema)]
pub struct FactList {
    /// Each with name, shape (`text`, `number`, `flag` or `many`), meaning and example.
    #[schema(value_type = Vec<Object>)]
    pub facts: &'static [fitment_domain::device::fact::Described],
}

/// Lists the facts that agents report, and what each means.
#[utoipa::path(get, path = "/api/v1/facts", tag = "devices", responses((status = 200, body = FactList)))]
pub async fn list(caller: Caller) -> Result<Json<FactList>, Problem> {
    caller.may(Action::SeeReleases)?;
    Ok(Json(FactList { facts: DESCRIBED }))
}
