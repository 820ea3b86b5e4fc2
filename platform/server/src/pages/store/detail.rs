//! One accessory: what it does, what it may do and spend, which versions there are, and on which devices it fits.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Html;
use fitment_domain::installation::Target;
use fitment_domain::manifest::{Kind, Requirements};
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::Deserialize;

use crate::api::fit::{DeviceFit, judge};
use crate::api::releases::{PermissionView, listing, permissions};
use crate::api::{accessory, find_release};
use crate::app::Shared;
use crate::limits::Limits;
use crate::pages::markdown::{self, Markup};
use crate::pages::view::{Frame, Page};
use crate::pages::{page, words};
use crate::problem::Problem;

/// Devices whose fit is shown one by one.
const DEVICES_MAX: usize = 100;

/// Which version.
#[derive(Deserialize)]
pub(in crate::pages) struct Which {
    version: Option<String>,
}

/// A version in the list of versions.
struct VersionLine {
    version: String,
    state: &'static str,
    uploaded_ms: i64,
    current: bool,
}

/// How it fits the devices.
struct Fit {
    fits: usize,
    of: usize,
    devices: Vec<DeviceFit>,
    more: usize,
}

#[derive(Template)]
#[template(path = "accessory.html")]
struct AccessoryPage {
    frame: Frame,
    publisher: String,
    name: String,
    version: String,
    kind: String,
    state: &'static str,
    /// Why it was deprecated or yanked, and what to take instead.
    notice: Option<String>,
    digest: String,
    initial: char,
    summary: String,
    license: String,
    authors: String,
    source: Option<String>,
    readme: Markup,
    changelog: Markup,
    permissions: Vec<PermissionView>,
    budget: Vec<(&'static str, String)>,
    requires: Vec<(&'static str, String)>,
    settings: Vec<(String, String)>,
    versions: Vec<VersionLine>,
    fit: Option<Fit>,
    installable: bool,
}

/// Shows one accessory.
pub(in crate::pages) async fn show(
    State(app): State<Shared>,
    view: Page,
    Path((publisher, name)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Html<String>, Problem> {
    let accessory = accessory(&publisher, &name)?;
    let msp = view.msp();
    let scope = view.caller.may(Action::SeeReleases)?;
    let release = find_release(&app, scope.clone(), &accessory, which.version.as_deref()).await?;
    let on_devices = release.manifest.kind().is_ok_and(Kind::runs_on_devices);
    let mut tx = app.store.read(scope).await?;
    let versions = tx.releases_of(&accessory).await?;
    let devices = match msp.is_some() && on_devices {
        true => Some((tx.devices().await?, Limits::read(&mut tx).await?)),
        false => None,
    };
    drop(tx);
    let fit = match devices {
        Some((devices, limits)) => Some(fit(judge(&app, &release, &devices, &Target::All, &limits, None)?)),
        None => None,
    };
    let listing = listing(&app, &release).await;
    let text = |of: fn(&fitment_domain::release::Listing) -> String| listing.as_ref().map(of).unwrap_or_default();
    page(&AccessoryPage {
        frame: view.frame(accessory.to_string()),
        installable: view.may(Action::Install) && on_devices && release.is_installable(),
        version: release.version.to_string(),
        kind: release.kind.clone(),
        state: release.state.as_str(),
        notice: release.notice.as_ref().map(|notice| match &notice.replacement {
            Some(instead) => format!("{} Its publisher names {instead} instead.", notice.reason),
            None => notice.reason.clone(),
        }),
        digest: release.digest.to_string(),
        initial: name.chars().next().unwrap_or('?').to_ascii_uppercase(),
        summary: text(|l| l.summary.clone()),
        license: text(|l| l.license.clone()),
        authors: text(|l| l.authors.join(", ")),
        source: listing.as_ref().and_then(|l| l.source.clone()).filter(|s| s.starts_with("https://")),
        readme: markdown::render(&text(|l| l.readme.clone())),
        changelog: markdown::render(&text(|l| l.changelog.clone())),
        permissions: permissions(&release),
        budget: budget(&release),
        requires: requirements(&release.manifest.requires),
        settings: settings(&release),
        versions: versions.iter().map(|one| line(one, &release)).collect(),
        fit,
        publisher,
        name,
    })
}

fn line(one: &Release, shown: &Release) -> VersionLine {
    VersionLine {
        version: one.version.to_string(),
        state: one.state.as_str(),
        uploaded_ms: one.uploaded.0,
        current: one.id == shown.id,
    }
}

/// Those that do not fit come first: they are what a person has a question about.
fn fit(mut fit: crate::api::fit::FitView) -> Fit {
    fit.devices.sort_by_key(|device| device.fits);
    let more = fit.devices.len().saturating_sub(DEVICES_MAX);
    fit.devices.truncate(DEVICES_MAX);
    Fit { fits: fit.fits, of: fit.of, devices: fit.devices, more }
}

/// Returns what one run may spend, in words.
fn budget(release: &Release) -> Vec<(&'static str, String)> {
    let Ok(budget) = release.manifest.budget() else { return Vec::new() };
    let mut lines = vec![
        ("Memory", words::bytes(budget.memory_bytes_max)),
        ("Processor time", words::span(budget.cpu_ms_max)),
        ("Time from start to end", words::span(budget.wall_ms_max)),
        ("Result", words::bytes(budget.result_bytes_max)),
        ("Log", words::bytes(budget.log_bytes_max)),
        ("State for the next run", words::bytes(budget.state_bytes_max)),
    ];
    if release.manifest.permissions.iter().any(|permission| permission.name == "http") {
        lines.push(("HTTP requests", budget.http_calls_max.to_string()));
    }
    lines
}

fn requirements(requires: &Requirements) -> Vec<(&'static str, String)> {
    let any = |many: &[String]| if many.is_empty() { "any".to_owned() } else { many.join(" or ") };
    let mut lines = vec![("Operating system", any(&requires.os)), ("Processor", any(&requires.arch))];
    lines.extend(requires.agent.as_ref().map(|agent| ("Agent", agent.to_string())));
    lines.push(("Platform", requires.product.to_string()));
    lines
}

/// Returns the settings with what they mean.
fn settings(release: &Release) -> Vec<(String, String)> {
    let properties = release.manifest.config_schema["properties"].as_object();
    let said = |property: &serde_json::Value| {
        let text = |key: &str| property[key].as_str().unwrap_or_default();
        let title = if text("description").is_empty() { text("title") } else { text("description") };
        let default = property.get("default").map(|default| format!(" (default: {default})")).unwrap_or_default();
        format!("{title}{default}")
    };
    properties.into_iter().flatten().map(|(name, property)| (name.clone(), said(property))).collect()
}
