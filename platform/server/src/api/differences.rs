//! What changes between two releases of an accessory.

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::difference::{self, Change};
use fitment_domain::tenant::{Action, Scope};
use fitment_store::Release;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{accessory, find_release};
use crate::app::Shared;
use crate::auth::Caller;
use crate::problem::Problem;

/// From which release.
#[derive(Deserialize, Default, IntoParams)]
pub struct FromVersion {
    /// A version; default: the newest before it that the caller sees.
    pub from: Option<String>,
}

/// What changes.
#[derive(Serialize, ToSchema)]
pub struct DifferenceView {
    pub accessory: String,
    /// None if there is no release before.
    pub from: Option<String>,
    pub to: String,
    pub permissions: Vec<PermissionChange>,
    pub budget: Vec<BudgetChange>,
}

/// What changes of a permission.
#[derive(Serialize, ToSchema)]
pub struct PermissionChange {
    /// `added`, `widened`, `narrowed` or `removed`.
    #[schema(value_type = String)]
    pub change: Change,
    pub permission: String,
    /// Such as "Now may also read files in /var/log/**."
    pub sentence: String,
}

/// What changes of what a run may spend.
#[derive(Serialize, ToSchema)]
pub struct BudgetChange {
    pub field: String,
    pub from: u64,
    pub to: u64,
    pub sentence: String,
}

/// Says what changes between two releases: what it may do besides, what not any more, and what a run may spend.
#[utoipa::path(get, path = "/api/v1/releases/{publisher}/{name}/{version}/difference", tag = "publishing", params(FromVersion), responses(
    (status = 200, body = DifferenceView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path((publisher, name, version)): Path<(String, String, String)>,
    Query(asked): Query<FromVersion>,
) -> Result<Json<DifferenceView>, Problem> {
    let scope = caller.may(Action::SeeReleases)?;
    let accessory = accessory(&publisher, &name)?;
    let to = find_release(&app, scope.clone(), &accessory, Some(&version)).await?;
    let from = match &asked.from {
        Some(version) => Some(find_release(&app, scope, &accessory, Some(version)).await?),
        None => before(&app, scope, &to).await?,
    };
    Ok(Json(view(from.as_ref(), &to)?))
}

/// Returns the newest release before one, of those that were published.
async fn before(app: &Shared, scope: Scope, release: &Release) -> Result<Option<Release>, Problem> {
    let mut all = app.store.read(scope).await?.releases_of(&release.accessory).await?;
    all.retain(|one| one.version < release.version && one.approved.is_some());
    Ok(all.into_iter().max_by(|a, b| a.version.cmp(&b.version)))
}

fn view(from: Option<&Release>, to: &Release) -> Result<DifferenceView, Problem> {
    let asked = |release: &Release| release.manifest.asked().map_err(Problem::internal);
    let spent = |release: &Release| release.manifest.budget().map_err(Problem::internal);
    let (permissions, budget) = match from {
        Some(from) => (
            difference::between(&asked(from)?, &asked(to)?).map_err(Problem::internal)?,
            difference::spends(&spent(from)?, &spent(to)?),
        ),
        None => (Vec::new(), Vec::new()),
    };
    Ok(DifferenceView {
        accessory: to.accessory.to_string(),
        from: from.map(|from| from.version.to_string()),
        to: to.version.to_string(),
        permissions: permissions
            .iter()
            .map(|one| PermissionChange {
                change: one.change,
                permission: one.permission.name().to_owned(),
                sentence: one.sentence(),
            })
            .collect(),
        budget: budget
            .iter()
            .map(|one| BudgetChange {
                field: one.field.to_owned(),
                from: one.from,
                to: one.to,
                sentence: one.sentence(),
            })
            .collect(),
    })
}
