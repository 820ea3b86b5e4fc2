//! Categories of tickets, and the rules that choose them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::id::{CategoryId, RuleId};
use fitment_domain::manifest::AccessoryName;
use fitment_domain::mapping::{Category, Rule};
use fitment_domain::tenant::{Action, check_display_name};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::Shared;
use crate::auth::Msp;
use crate::clock;
use crate::problem::{Body, Problem};

const DESCRIPTION_CHARS_MAX: usize = 1_000;

/// A category to be, or as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryBody {
    /// 1 to 120 characters.
    pub name: String,
    /// At most 1,000 characters.
    #[serde(default)]
    pub description: String,
    /// The board, by its name in the other system.
    pub board: String,
    /// The priority, as the other system writes it.
    pub priority: Option<String>,
}

/// A category.
#[derive(Serialize, ToSchema)]
pub struct CategoryView {
    pub id: String,
    pub name: String,
    pub description: String,
    pub board: String,
    pub priority: Option<String>,
}

/// The tenant's categories.
#[derive(Serialize, ToSchema)]
pub struct CategoryList {
    pub categories: Vec<CategoryView>,
}

/// A rule to be: what is left out matches anything.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleBody {
    /// The lowest position that matches wins.
    pub position: i64,
    pub accessory: Option<String>,
    pub condition: Option<String>,
    /// The id of the category that it chooses.
    pub category: String,
}

/// A rule.
#[derive(Serialize, ToSchema)]
pub struct RuleView {
    pub id: String,
    pub position: i64,
    pub accessory: Option<String>,
    pub condition: Option<String>,
    pub category: String,
}

/// The tenant's rules, by position.
#[derive(Serialize, ToSchema)]
pub struct RuleList {
    pub rules: Vec<RuleView>,
}

fn category_view(category: Category) -> CategoryView {
    CategoryView {
        id: category.id.to_string(),
        name: category.name,
        description: category.description,
        board: category.board,
        priority: category.priority,
    }
}

fn rule_view(rule: Rule) -> RuleView {
    RuleView {
        id: rule.id.to_string(),
        position: rule.position,
        accessory: rule.accessory.map(|a| a.to_string()),
        condition: rule.condition,
        category: rule.category.to_string(),
    }
}

fn category(id: CategoryId, body: CategoryBody) -> Result<Category, Problem> {
    check_display_name("name", &body.name).map_err(Problem::invalid)?;
    check_display_name("board", &body.board).map_err(Problem::invalid)?;
    if let Some(priority) = &body.priority {
        check_display_name("priority", priority).map_err(Problem::invalid)?;
    }
    let unreadable = |c: char| c.is_control() && c != '\n';
    if body.description.chars().count() > DESCRIPTION_CHARS_MAX || body.description.contains(unreadable) {
        return Err(Problem::invalid(format!(
            "description must have at most {DESCRIPTION_CHARS_MAX} characters and no control character but line breaks"
        )));
    }
    Ok(Category { id, name: body.name, description: body.description, board: body.board, priority: body.priority })
}

/// Lists the categories.
#[utoipa::path(get, path = "/api/v1/categories", tag = "ticketing", responses((status = 200, body = CategoryList)))]
pub async fn categories(State(app): State<Shared>, msp: Msp) -> Result<Json<CategoryList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let rows = app.store.read(msp.scope()).await?.categories().await?;
    Ok(Json(CategoryList { categories: rows.into_iter().map(category_view).collect() }))
}

/// Adds a category.
#[utoipa::path(post, path = "/api/v1/categories", tag = "ticketing", request_body = CategoryBody, responses((status = 201, body = CategoryView)))]
pub async fn add_category(
    State(app): State<Shared>,
    msp: Msp,
    Body(body): Body<CategoryBody>,
) -> Result<(StatusCode, Json<CategoryView>), Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let category = category(CategoryId::from_random(clock::random()?), body)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    tx.insert_category(&category).await?;
    let details = serde_json::to_value(&category).unwrap_or_default();
    tx.append_audit(msp.account.as_str(), "category.add", category.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(category_view(category))))
}

/// Changes a category. Tickets that are in the other system already keep the board that they have.
#[utoipa::path(put, path = "/api/v1/categories/{id}", tag = "ticketing", request_body = CategoryBody, responses((status = 200, body = CategoryView), (status = 404)))]
pub async fn change_category(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(body): Body<CategoryBody>,
) -> Result<Json<CategoryView>, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let id = CategoryId::parse(&id).map_err(|_| Problem::not_found("category"))?;
    let category = category(id, body)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.update_category(&category).await? {
        return Err(Problem::not_found("category"));
    }
    let details = serde_json::to_value(&category).unwrap_or_default();
    tx.append_audit(msp.account.as_str(), "category.change", category.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok(Json(category_view(category)))
}

/// Lists the rules by position.
#[utoipa::path(get, path = "/api/v1/category-rules", tag = "ticketing", responses((status = 200, body = RuleList)))]
pub async fn rules(State(app): State<Shared>, msp: Msp) -> Result<Json<RuleList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let rows = app.store.read(msp.scope()).await?.rules().await?;
    Ok(Json(RuleList { rules: rows.into_iter().map(rule_view).collect() }))
}

/// Adds a rule.
#[utoipa::path(post, path = "/api/v1/category-rules", tag = "ticketing", request_body = RuleBody, responses(
    (status = 201, body = RuleView), (status = 404, description = "no such category")))]
pub async fn add_rule(
    State(app): State<Shared>,
    msp: Msp,
    Body(body): Body<RuleBody>,
) -> Result<(StatusCode, Json<RuleView>), Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let accessory = body.accessory.as_deref().map(AccessoryName::parse).transpose();
    let accessory = accessory.map_err(|e| Problem::invalid(format!("accessory: {e}")))?;
    if let Some(condition) = &body.condition {
        check_display_name("condition", condition).map_err(Problem::invalid)?;
    }
    let category = CategoryId::parse(&body.category).map_err(|_| Problem::not_found("category"))?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if tx.category(&category).await?.is_none() {
        return Err(Problem::not_found("category"));
    }
    let id = RuleId::from_random(clock::random()?);
    let rule = Rule { id, position: body.position, accessory, condition: body.condition, category };
    tx.insert_rule(&rule).await?;
    let details = serde_json::to_value(&rule).unwrap_or_default();
    tx.append_audit(msp.account.as_str(), "category-rule.add", rule.id.as_str(), &details, app.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(rule_view(rule))))
}

/// Removes a rule.
#[utoipa::path(delete, path = "/api/v1/category-rules/{id}", tag = "ticketing", responses((status = 204), (status = 404)))]
pub async fn remove_rule(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::ManageTicketing)?;
    let not_found = || Problem::not_found("rule");
    let id = RuleId::parse(&id).map_err(|_| not_found())?;
    let mut tx = app.store.begin(msp.scope()).await?;
    if !tx.delete_rule(&id).await? {
        return Err(not_found());
    }
    tx.append_audit(msp.account.as_str(), "category-rule.remove", id.as_str(), &Value::Null, app.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
