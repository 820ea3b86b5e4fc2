//! One device: findings, alerts, what runs there, its facts, and its numbers over time.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use fitment_domain::id::{ClientId, DeviceId, LocationId};
use fitment_domain::installation::Target;
use fitment_domain::tenant::Action;
use fitment_domain::time::DAY_MS;
use serde::Deserialize;

use super::{Line, Names, plain};
use crate::api::ceilings::{self, InstalledPermissions};
use crate::api::devices::{self, DeviceView};
use crate::api::findings::{self, AlertView, FindingRowView, OfDevice, RunView, WhichAlerts};
use crate::api::installations::{self, InstallationView};
use crate::api::series::{self, Range, SeriesView, Whose};
use crate::app::Shared;
use crate::auth::Msp;
use crate::pages::chart::{self, Drawing, Point, short};
use crate::pages::page;
use crate::pages::view::{Frame, Page};
use crate::problem::Problem;

/// The stretches of time that a chart can show, in milliseconds, by their words.
const SPANS: [(&str, u64, &str); 4] = [
    ("hour", 3_600_000, "hour"),
    ("day", DAY_MS, "day"),
    ("week", 7 * DAY_MS, "week"),
    ("month", 30 * DAY_MS, "30 days"),
];
/// Points of one drawing: more are not seen.
const POINTS: u64 = 240;
const ROWS_MAX: usize = 60;

/// Which numbers over which time.
#[derive(Deserialize)]
pub(in crate::pages) struct Asked {
    series: Option<String>,
    #[serde(default)]
    span: String,
}

/// A drawing with its words and its table.
struct Chart {
    title: String,
    description: String,
    drawing: Option<Drawing>,
    rows: Vec<(i64, String, String, String)>,
}

/// One series to choose.
struct Choice {
    id: String,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    frame: Frame,
    line: Line,
    enrolled_ms: i64,
    facts: Vec<(String, String)>,
    findings: Vec<FindingRowView>,
    runs: Vec<(RunView, String)>,
    alerts: Vec<AlertView>,
    choices: Vec<Choice>,
    spans: Vec<(&'static str, &'static str, bool)>,
    chart: Option<Chart>,
    /// What a plan or a ceiling takes away from what is installed for this device.
    limited: Vec<InstalledPermissions>,
    /// Scripts that may run here: installation, and what it is.
    scripts: Vec<(String, String)>,
}

/// Shows one device.
pub(in crate::pages) async fn show(
    State(app): State<Shared>,
    view: Page,
    msp: Msp,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, Problem> {
    let device = devices::show(State(app.clone()), msp.clone(), Path(id)).await?.0;
    let names = Names::read(&app, &msp).await?;
    let of = Query(OfDevice { device: Some(device.id.clone()), installation: None });
    let mut found = findings::list(State(app.clone()), msp.clone(), of).await?.0;
    found
        .findings
        .sort_by_key(|finding| ["critical", "warning", "unknown", "ok"].iter().position(|h| *h == finding.health));
    let of = Query(WhichAlerts { device: Some(device.id.clone()), ..WhichAlerts::default() });
    let alerts = findings::alerts(State(app.clone()), msp.clone(), of).await?.0.alerts;
    // Whoever sees devices alone does not learn how the MSP works.
    let installations = if view.may(Action::SeeSetup) {
        installations::list(State(app.clone()), msp.clone()).await?.0.installations
    } else {
        Vec::new()
    };
    let accessory = |id: &str| {
        installations.iter().find(|i| i.id == id).map_or_else(String::new, |i| format!("{} {}", i.accessory, i.version))
    };
    let scripts = if view.may(Action::RunScripts) { scripts(&installations, &device) } else { Vec::new() };
    let whose = Query(Whose { device: Some(device.id.clone()), installation: None });
    let all = series::list(State(app.clone()), msp.clone(), whose).await?.0.series;
    let chosen = all.iter().find(|one| Some(&one.id) == asked.series.as_ref());
    // Unless somebody chose: what is bad now, or a share, which people read at once.
    let bad = found.findings.iter().find(|finding| finding.health != "ok").and_then(|finding| finding.subject.as_ref());
    let chosen = chosen.or_else(|| bad.and_then(|subject| all.iter().find(|one| one.subject == *subject)));
    let chosen = chosen.or_else(|| all.iter().find(|one| one.unit == "%")).or(all.first());
    let span = SPANS.iter().find(|(word, ..)| *word == asked.span).unwrap_or(&SPANS[1]);
    let chart = match chosen {
        Some(one) => Some(chart(&app, msp, one, span.1, span.2).await?),
        None => None,
    };
    let chosen = chosen.map(|one| one.id.clone());
    let line = names.line(&device, app.now());
    let mut limited = match view.may(Action::SeeSetup) {
        true => permissions(&app, &view, &device.id).await?,
        false => Vec::new(),
    };
    limited.retain(|one| !one.taken.is_empty() || !one.permitted);
    page(&DevicePage {
        frame: view.frame(&device.name),
        line,
        enrolled_ms: device.enrolled_ms,
        facts: device.facts.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        runs: found.runs.into_iter().map(|run| (accessory(&run.installation), run)).map(|(a, r)| (r, a)).collect(),
        findings: found.findings,
        alerts: alerts.into_iter().filter(|a| a.state != "pending").take(20).collect(),
        choices: all
            .iter()
            .map(|one| Choice { id: one.id.clone(), label: label(one), chosen: Some(&one.id) == chosen.as_ref() })
            .collect(),
        spans: SPANS.iter().map(|one| (one.0, one.2, one.0 == span.0)).collect(),
        chart,
        limited,
        scripts,
    })
}

async fn permissions(app: &Shared, view: &Page, id: &str) -> Result<Vec<InstalledPermissions>, Problem> {
    let Some(msp) = view.msp() else { return Ok(Vec::new()) };
    Ok(ceilings::of_device(State(app.clone()), msp, Path(id.to_owned())).await?.0.installations)
}

/// Returns the scripts whose scope holds the device: installation, and what it is.
fn scripts(installations: &[InstallationView], device: &DeviceView) -> Vec<(String, String)> {
    let covers = |one: &&InstallationView| {
        let target = serde_json::from_value::<Target>(one.target.clone()).ok();
        let ids = (ClientId::parse(&device.client), LocationId::parse(&device.location), DeviceId::parse(&device.id));
        match (target, ids) {
            (Some(target), (Ok(client), Ok(location), Ok(id))) => target.covers(&client, &location, &id),
            _ => false,
        }
    };
    // What runs when somebody asks has no interval.
    let found = installations.iter().filter(|one| one.interval_s == 0).filter(covers);
    found.map(|one| (one.id.clone(), one.accessory.clone())).collect()
}

/// Names a series: what is measured, of what, in which unit.
fn label(series: &SeriesView) -> String {
    let labels: Vec<&str> =
        series.labels.iter().map(|(_, value)| value.as_str()).filter(|v| *v != series.subject).collect();
    let about = [series.subject.as_str()].into_iter().chain(labels).filter(|part| !part.is_empty());
    let about = about.collect::<Vec<_>>().join(", ");
    let unit = if series.unit == "1" { String::new() } else { format!(" in {}", series.unit) };
    if about.is_empty() { format!("{}{unit}", series.name) } else { format!("{} of {about}{unit}", series.name) }
}

async fn chart(app: &Shared, msp: Msp, one: &SeriesView, span_ms: u64, words: &str) -> Result<Chart, Problem> {
    let to = app.now().0;
    let from = to - span_ms.cast_signed();
    let range = Range { from: Some(from), to: Some(to), step: Some((span_ms / POINTS).max(1_000)) };
    let found = series::points(State(app.clone()), msp, Path(one.id.clone()), Query(range)).await?.0;
    let points: Vec<Point> =
        found.points.iter().map(|p| Point { at_ms: p.at_ms, min: p.min, mean: p.mean, max: p.max }).collect();
    let description = match (points.first(), points.last()) {
        (Some(_), Some(last)) => {
            let low = points.iter().map(|p| p.min).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(|p| p.max).fold(f64::NEG_INFINITY, f64::max);
            format!("Last {words}: {} at the end, between {} and {}.", short(last.mean), short(low), short(high))
        }
        _ => format!("Last {words}: no numbers."),
    };
    let rows = points.iter().rev().take(ROWS_MAX).map(|p| (p.at_ms, short(p.min), short(p.mean), short(p.max)));
    Ok(Chart {
        title: label(one),
        description,
        drawing: chart::draw(&points, from, to, one.unit == "%"),
        rows: rows.collect(),
    })
}
