//! Samples of findings over time.

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::id::{DeviceId, InstallationId, SeriesId};
use fitment_domain::series::points::coarser;
use fitment_domain::series::{POINTS_MAX, choose};
use fitment_domain::tenant::Action;
use fitment_domain::time::{DAY_MS, UnixMs};
use fitment_store::{DropRow, SERIES_LIST_MAX, SeriesRow};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::auth::{Msp, Permitted};
use crate::problem::Problem;

/// Whose series.
#[derive(Deserialize, IntoParams)]
pub struct Whose {
    /// Default: of all devices.
    pub device: Option<String>,
    /// Default: of all installations.
    pub installation: Option<String>,
}

/// A series: numbers of one kind about one subject.
#[derive(Serialize, ToSchema)]
pub struct SeriesView {
    pub id: String,
    pub device: String,
    pub installation: String,
    pub condition: String,
    /// Empty: the device as a whole.
    pub subject: String,
    pub name: String,
    /// Pairs of name and value, by name.
    pub labels: Vec<(String, String)>,
    /// A UCUM code.
    pub unit: String,
    pub created_ms: i64,
    /// The start of the last hour of which samples are there.
    pub last_hour_ms: Option<i64>,
}

/// Samples that were not kept.
#[derive(Serialize, ToSchema)]
pub struct DropView {
    pub device: String,
    pub installation: String,
    /// `series-limit`, `too-late` or `too-dense`.
    pub reason: String,
    pub samples: i64,
    pub last_ms: i64,
}

/// Series, and what was not kept of their samples.
#[derive(Serialize, ToSchema)]
pub struct SeriesList {
    pub series: Vec<SeriesView>,
    /// False: there are more; ask for one device or one installation.
    pub complete: bool,
    pub dropped: Vec<DropView>,
}

/// Which stretch of time, and how finely.
#[derive(Deserialize, IntoParams)]
pub struct Range {
    /// Milliseconds since 1970-01-01 UTC. Default: a day before `to`.
    pub from: Option<i64>,
    /// Milliseconds since 1970-01-01 UTC, not included. Default: now.
    pub to: Option<i64>,
    /// Milliseconds of one point. Default: so that about 500 points come; at most 2,000 do.
    pub step: Option<u64>,
}

/// What is known of the numbers of one step. A step without numbers has no point.
#[derive(Serialize, ToSchema)]
pub struct PointView {
    /// The start of the step.
    pub at_ms: i64,
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub count: u64,
}

/// Points of a series.
#[derive(Serialize, ToSchema)]
pub struct Points {
    pub series: SeriesView,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Milliseconds of one point.
    pub step_ms: u64,
    /// From what the points were taken: `raw`, `five-minutes` or `hour`.
    pub tier: &'static str,
    pub points: Vec<PointView>,
}

fn view(row: SeriesRow) -> SeriesView {
    SeriesView {
        id: row.id.to_string(),
        device: row.key.device.to_string(),
        installation: row.key.installation.to_string(),
        condition: row.key.condition,
        subject: row.key.subject,
        name: row.key.name,
        labels: row.key.labels,
        unit: row.key.unit,
        created_ms: row.created.0,
        last_hour_ms: row.last_hour.map(|at| at.0),
    }
}

fn drop_view(row: DropRow) -> DropView {
    DropView {
        device: row.device.to_string(),
        installation: row.installation.to_string(),
        reason: row.reason,
        samples: row.samples,
        last_ms: row.last.0,
    }
}

/// Lists series by what they are about.
#[utoipa::path(get, path = "/api/v1/series", tag = "monitoring", params(Whose), responses((status = 200, body = SeriesList), (status = 404)))]
pub async fn list(
    State(app): State<Shared>,
    msp: Msp,
    Query(whose): Query<Whose>,
) -> Result<Json<SeriesList>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let (no_device, no_installation) = (|| Problem::not_found("device"), || Problem::not_found("installation"));
    let mut tx = app.store.read(msp.scope()).await?;
    let device = match whose.device {
        Some(id) => {
            let id = DeviceId::parse(&id).map_err(|_| no_device())?;
            Some(tx.device(&id).await?.ok_or_else(no_device)?.id)
        }
        None => None,
    };
    // An installation that was removed is no more, but what it measured is.
    let installation = whose.installation.as_deref().map(InstallationId::parse).transpose();
    let installation = installation.map_err(|_| no_installation())?;
    let rows = tx.series(device.as_ref(), installation.as_ref()).await?;
    let dropped = tx.series_drops(device.as_ref()).await?.into_iter().map(drop_view).collect();
    let complete = rows.len() < SERIES_LIST_MAX;
    Ok(Json(SeriesList { series: rows.into_iter().map(view).collect(), complete, dropped }))
}

/// Returns the points of a series; the answer says from what it took them.
#[utoipa::path(get, path = "/api/v1/series/{id}/points", tag = "monitoring", params(("id" = String, Path), Range), responses((status = 200, body = Points), (status = 404), (status = 422)))]
pub async fn points(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Query(range): Query<Range>,
) -> Result<Json<Points>, Problem> {
    let msp = msp.may(Action::SeeDevices)?;
    let id = SeriesId::parse(&id).map_err(|_| Problem::not_found("series"))?;
    points_of(&app, &msp, &id, &range).await.map(Json)
}

/// Returns the points of a series, for answers and for charts.
pub async fn points_of(app: &App, msp: &Permitted, id: &SeriesId, range: &Range) -> Result<Points, Problem> {
    let now = app.now();
    let to = range.to.map_or(now, UnixMs);
    let from = range.from.map_or(UnixMs(to.0.saturating_sub(DAY_MS.cast_signed())), UnixMs);
    let mut tx = app.store.read(msp.scope()).await?;
    let series = tx.one_series(id).await?.ok_or_else(|| Problem::not_found("series"))?;
    let kept = tx.retention().await?;
    let choice = choose(from, to, range.step, now, &kept).map_err(Problem::invalid)?;
    let fine = tx.series_points(id, choice.tier, from, to).await?;
    let mut buckets = coarser(&fine, choice.step_ms);
    // A step that begins before `from` may add one.
    buckets.truncate(usize::try_from(POINTS_MAX + 1).unwrap_or(usize::MAX));
    let points = buckets.iter().map(|bucket| PointView {
        at_ms: bucket.start.0,
        min: bucket.min,
        max: bucket.max,
        mean: bucket.mean(),
        count: bucket.count,
    });
    Ok(Points {
        points: points.collect(),
        series: view(series),
        from_ms: from.0,
        to_ms: to.0,
        step_ms: choice.step_ms,
        tier: choice.tier.as_str(),
    })
}
