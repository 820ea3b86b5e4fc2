//! Fits N of M devices, and why not the others.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use fitment_domain::device::Device;
use fitment_domain::id::{ClientId, DeviceId};
use fitment_domain::installation::Target;
use fitment_domain::matching::{Class, Mismatch, device_mismatches, platform_mismatches, state_mismatch};
use fitment_domain::reach::bind_config;
use fitment_domain::tenant::Action;
use fitment_store::Release;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::life::warnings;
use super::{accessory, find_release};
use crate::app::{App, Shared};
use crate::auth::Msp;
use crate::limits::{Limits, Place, Verdict};
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
    /// What a plan or a ceiling takes away here: it runs without that, unless `reasons` say that it does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limited: Vec<String>,
}

/// Returns why a release can be installed nowhere in the tenant that sees it; empty if it can.
pub(super) fn nowhere(app: &App, release: &Release) -> Vec<Mismatch> {
    let mut reasons = platform_mismatches(&release.manifest.requires, &app.platform);
    reasons.extend(state_mismatch(release.state, release.is_tried()));
    reasons
}

/// Judges a release against devices, under the layers that limit what runs there: the same answer for the page, the installer and the
/// agent. Without a configuration, what hangs on it is not judged.
pub fn judge(
    app: &App,
    release: &Release,
    devices: &[Device],
    target: &Target,
    limits: &Limits,
    config: Option<&Value>,
) -> Result<FitView, Problem> {
    let reasons_of = reasons(app, release, limits, config)?;
    let mut known: BTreeMap<(Class<'_>, PlaceId<'_>), Answer> = BTreeMap::new();
    let asked = devices.iter().filter(|d| target.covers(&d.client, &d.location, &d.id));
    let devices: Vec<DeviceFit> = asked
        .map(|device| {
            let (class, place) = (Class::of(device), limits.place(device));
            let (reasons, limited) =
                known.entry((class, id(place))).or_insert_with(|| reasons_of(class, place)).clone();
            let (fits, name) = (reasons.is_empty(), device.name.clone());
            DeviceFit { device: device.id.to_string(), name, fits, reasons, limited }
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

/// Why not, and what is taken away where it runs nevertheless.
type Answer = (Vec<String>, Vec<String>);
type PlaceId<'a> = (Option<&'a ClientId>, Option<&'a DeviceId>);

fn id((client, device): Place<'_>) -> PlaceId<'_> {
    (client, device.map(|device| &device.id))
}

/// How many devices of each class and place there are, where only the number is asked.
pub struct Classes<'a> {
    limits: &'a Limits,
    counted: BTreeMap<(Class<'a>, PlaceId<'a>), (Place<'a>, usize)>,
}

impl<'a> Classes<'a> {
    /// Counts them.
    pub fn of(devices: &'a [Device], limits: &'a Limits) -> Self {
        let mut counted = BTreeMap::new();
        for device in devices {
            let place = limits.place(device);
            counted.entry((Class::of(device), id(place))).or_insert((place, 0)).1 += 1;
        }
        Self { limits, counted }
    }

    /// Returns how many devices a release fits, and how many there are.
    pub fn fit(&self, app: &App, release: &Release) -> Result<(usize, usize), Problem> {
        let reasons_of = reasons(app, release, self.limits, None)?;
        let fits = self.counted.iter().filter(|((class, _), (place, _))| reasons_of(*class, *place).0.is_empty());
        Ok((fits.map(|(_, (_, count))| count).sum(), self.counted.values().map(|(_, count)| count).sum()))
    }
}

/// Returns the question why a release does not fit a class of devices at a place.
fn reasons<'r>(
    app: &App,
    release: &'r Release,
    limits: &'r Limits,
    config: Option<&Value>,
) -> Result<impl Fn(Class<'_>, Place<'_>) -> Answer + use<'r>, Problem> {
    let kind = release.manifest.kind().map_err(Problem::internal)?;
    let everywhere = nowhere(app, release);
    let asked = release.manifest.asked().unwrap_or_default();
    let asked = match config {
        Some(config) => bind_config(asked, config),
        None => asked,
    };
    Ok(move |class: Class<'_>, place: Place<'_>| {
        let here = device_mismatches(kind, &release.manifest.requires, class);
        let verdict = Verdict::of(&release.manifest, &asked, &limits.at(place));
        let reasons = everywhere.iter().chain(&here).chain(&verdict.reasons).map(ToString::to_string).collect();
        (reasons, verdict.taken())
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
    let mut tx = app.store.read(msp.scope()).await?;
    let (devices, limits) = (tx.devices().await?, Limits::read(&mut tx).await?);
    let mut fit = judge(&app, &release, &devices, &Target::All, &limits, None)?;
    fit.devices = fit.devices.into_iter().skip(which.offset).take(which.limit.unwrap_or(usize::MAX)).collect();
    Ok(Json(fit))
}
