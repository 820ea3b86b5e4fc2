//! Fits N of M devices, and why not the others.

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::device::Device;
use fitment_domain::installation::Target;
use fitment_domain::matching::{Mismatch, mismatches_on, platform_mismatches, state_mismatch};
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::life::warnings;
use super::{accessory, find_release};
use crate::app::{App, Shared};
use crate::auth::Msp;
use crate::problem::Problem;

/// The most devices of one answer, where somebody asks for a part.
const LIMIT_MAX: usize = 5_000;

/// Which release.
#[derive(Deserialize, Default, IntoParams)]
pub struct Which {
    /// Default: the newest that is published.
    pub version: Option<String>,
    /// So many of the devices, 1 to 5,000; `fits` and `of` count all of them. Default: all.
    pub limit: Option<usize>,
    /// After so many, by name.
    #[serde(default)]
    pub offset: usize,
}

/// How a release fits the tenant's devices.
#[derive(Serialize, ToSchema)]
pub struct FitView {
    pub accessory: String,
    pub version: String,
    pub release: String,
    /// Devices that fit.
    pub fits: usize,
    /// Devices that were asked.
    pub of: usize,
    pub devices: Vec<DeviceFit>,
    /// What to know before it is installed, such as that it is deprecated.
    pub warnings: Vec<String>,
}

/// How a release fits one device.
#[derive(Serialize, ToSchema)]
pub struct DeviceFit {
    pub device: String,
    pub name: String,
    pub fits: bool,
    /// Every reason why not, such as "needs agent >=1.4, has 1.2.0".
    pub reasons: Vec<String>,
}

/// Returns why a release can be installed nowhere in the tenant that sees it; empty if it can.
pub(super) fn nowhere(app: &App, release: &Release) -> Vec<Mismatch> {
    let mut reasons = platform_mismatches(&release.manifest.requires, &app.platform);
    reasons.extend(state_mismatch(release.state, release.is_tried()));
    reasons
}

/// Judges a release against devices: the same answer for the page, the installer and the agent.
pub fn judge(app: &App, release: &Release, devices: &[Device], target: &Target) -> Result<FitView, Problem> {
    let kind = release.manifest.kind().map_err(Problem::internal)?;
    let requires = &release.manifest.requires;
    let everywhere = nowhere(app, release);
    let asked = devices.iter().filter(|d| target.covers(&d.client, &d.location, &d.id));
    let devices: Vec<DeviceFit> = asked
        .map(|device| {
            let mut reasons = everywhere.clone();
            reasons.extend(mismatches_on(kind, requires, device));
            DeviceFit {
                device: device.id.to_string(),
                name: device.name.clone(),
                fits: reasons.is_empty(),
                reasons: reasons.iter().map(ToString::to_string).collect(),
            }
        })
        .collect();
    Ok(FitView {
        accessory: release.accessory.to_string(),
        version: release.version.to_string(),
        release: release.id.to_string(),
        fits: devices.iter().filter(|d| d.fits).count(),
        of: devices.len(),
        devices,
        warnings: warnings(release),
    })
}

/// Says which of the tenant's devices a release fits.
#[utoipa::path(get, path = "/api/v1/fit/{publisher}/{name}", tag = "marketplace", params(Which), responses(
    (status = 200, body = FitView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    msp: Msp,
    Path((publisher, name)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Result<Json<FitView>, Problem> {
    let msp = msp.may(Action::SeeReleases)?;
    if which.limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)) {
        return Err(Problem::invalid(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let accessory = accessory(&publisher, &name)?;
    let release = find_release(&app, msp.scope(), &accessory, which.version.as_deref()).await?;
    let devices = app.store.read(msp.scope()).await?.devices().await?;
    let mut fit = judge(&app, &release, &devices, &Target::All)?;
    fit.devices = fit.devices.into_iter().skip(which.offset).take(which.limit.unwrap_or(usize::MAX)).collect();
    Ok(Json(fit))
}
