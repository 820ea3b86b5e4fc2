//! Installing: refused unless the release verifies, fits, its configuration holds, and somebody agreed.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use fitment_domain::budget::BudgetAsked;
use fitment_domain::capability::{Grants, effective, sentence};
use fitment_domain::device::Device;
use fitment_domain::difference::{Spends, spends};
use fitment_domain::form::with_defaults;
use fitment_domain::id::{ClientId, DeviceId, InstallationId, LocationId};
use fitment_domain::installation::{self, Installation, TARGETS_MAX, Target, check_config};
use fitment_domain::manifest::{AccessoryName, Kind};
use fitment_domain::reach::bind_config;
use fitment_domain::tenant::Action;
use fitment_store::{Release, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::fit::{DeviceFit, FitView, judge, nowhere};
use super::{find_release, releases, verified_for};
use crate::app::{App, Shared};
use crate::auth::{Msp, Permitted};
use crate::clock;
use crate::closing;
use crate::job;
use crate::limits::Limits;
use crate::problem::{Body, Problem};

const INTERVAL_S_MAX: u64 = 86_400;
/// Reasons of devices that a refusal as a whole repeats.
const SAID_MAX: usize = 5;

/// What to install where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstallation {
    /// `publisher/name`
    pub accessory: String,
    /// Default: the newest that is published.
    pub version: Option<String>,
    /// `"all"`, `{"client": id}`, `{"location": id}`, `{"device": id}`, or several of these: `{"any": [...]}`.
    #[schema(value_type = Value)]
    pub target: TargetBody,
    /// Checked against the accessory's schema.
    #[serde(default)]
    pub config: Option<Value>,
    /// The names of the permissions that somebody agreed to: those that are asked, optional ones as far as they are wanted.
    #[serde(default)]
    pub consent: BTreeSet<String>,
    /// Seconds between runs, 1 to 86,400; default: what the accessory says.
    pub interval_s: Option<u64>,
    /// What a run may spend instead of what the accessory asks, by the names of `[budget]`: `{"memory_bytes_max": 67108864}`.
    #[schema(value_type = Option<Value>)]
    #[serde(default)]
    pub budget: BudgetAsked,
    /// Keeps an instance between runs instead of making a fresh one for each: what a run leaves in its memory is there in the next.
    /// For accessories that bring a language along and look often. Monitors and probes only; default: false.
    #[serde(default)]
    pub warm: bool,
}

/// Where.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetBody {
    All,
    Client(String),
    Location(String),
    Device(String),
    Any(Vec<TargetBody>),
}

/// An installation.
#[derive(Serialize, ToSchema)]
pub struct InstallationView {
    pub id: String,
    pub accessory: String,
    pub version: String,
    pub target: Value,
    pub config: Value,
    pub interval_s: u64,
    /// What a run may spend instead of what the accessory asks.
    #[schema(value_type = Value)]
    pub budget: BudgetAsked,
    /// Whether an instance is kept between runs.
    pub warm: bool,
    /// What it may do, in plain sentences.
    pub permissions: Vec<String>,
    pub installed_ms: i64,
}

/// An installation and the devices that it reaches.
#[derive(Serialize, ToSchema)]
pub struct Installed {
    pub installation: InstallationView,
    pub fits: usize,
    pub of: usize,
    pub devices: Vec<DeviceFit>,
    /// What to know, such as that the release is deprecated.
    pub warnings: Vec<String>,
}

/// The tenant's installations.
#[derive(Serialize, ToSchema)]
pub struct InstallationList {
    pub installations: Vec<InstallationView>,
}

pub fn view(installation: &Installation) -> InstallationView {
    InstallationView {
        id: installation.id.to_string(),
        accessory: installation.accessory.to_string(),
        version: installation.version.to_string(),
        target: serde_json::to_value(&installation.target).unwrap_or_default(),
        config: installation.config.clone(),
        interval_s: installation.interval_s,
        budget: installation.budget.clone(),
        warm: installation.warm,
        permissions: installation.grants.0.iter().map(|(p, s)| sentence(*p, s)).collect(),
        installed_ms: installation.installed.0,
    }
}

/// Reads a target: everything that it names must be there.
pub async fn target(tx: &mut Tx, body: &TargetBody) -> Result<Target, Problem> {
    let TargetBody::Any(several) = body else { return one_target(tx, body).await };
    if several.is_empty() || several.len() > TARGETS_MAX {
        return Err(Problem::invalid(format!("target.any: {} targets, it must be 1 to {TARGETS_MAX}", several.len())));
    }
    let mut targets = Vec::new();
    for body in several {
        let target = match body {
            TargetBody::All => return Err(Problem::invalid("target.any: all is not one of several")),
            body => one_target(tx, body).await?,
        };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(if targets.len() == 1 { targets.remove(0) } else { Target::Any(targets) })
}

async fn one_target(tx: &mut Tx, body: &TargetBody) -> Result<Target, Problem> {
    match body {
        TargetBody::All => Ok(Target::All),
        TargetBody::Client(text) => {
            let not_found = || Problem::not_found("client (target)");
            let id = ClientId::parse(text).map_err(|_| not_found())?;
            tx.client(&id).await?.map(|c| Target::Client(c.id)).ok_or_else(not_found)
        }
        TargetBody::Location(text) => {
            let not_found = || Problem::not_found("location (target)");
            let id = LocationId::parse(text).map_err(|_| not_found())?;
            tx.location(&id).await?.map(|l| Target::Location(l.id)).ok_or_else(not_found)
        }
        TargetBody::Device(text) => {
            let not_found = || Problem::not_found("device (target)");
            let id = DeviceId::parse(text).map_err(|_| not_found())?;
            let device = tx.device(&id).await?.filter(|device| device.retired.is_none());
            device.map(|d| Target::Device(d.id)).ok_or_else(not_found)
        }
        TargetBody::Any(_) => Err(Problem::invalid("target.any: targets do not nest")),
    }
}

/// Refuses what reaches every client to somebody who is there for some of them.
pub(super) fn may_target(msp: &Permitted, target: &Target) -> Result<(), Problem> {
    if msp.access.may_target(target) {
        return Ok(());
    }
    let detail = "target all, or any of several, needs an account for all clients: name one of yours, or a location or device of theirs";
    Err(Problem::forbidden(detail))
}

/// Returns what was agreed to of what is asked, or refuses; the answer holds the sentences to agree to.
pub(super) fn agreed(release: &Release, consent: &BTreeSet<String>) -> Result<Grants, Problem> {
    let asked = release.manifest.asked().map_err(Problem::internal)?;
    let agreed = installation::agreed(&asked, &release.manifest.optional(), consent);
    agreed.map_err(|mismatch| consent_needed(release, &mismatch.to_string()))
}

/// Says why a consent is wanted, and for what.
pub(super) fn consent_needed(release: &Release, why: &str) -> Problem {
    let detail = format!("{} {}: {why}", release.accessory, release.version);
    Problem::conflict("consent-needed", detail).with("permissions", releases::permissions(release))
}

/// Refuses a configuration that the accessory's schema refuses.
pub(super) fn configured(release: &Release, config: &Value) -> Result<(), Problem> {
    check_config(&release.manifest.config_schema, config).map_err(|e| {
        let detail = format!("{} {}: {e}", release.accessory, release.version);
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "config-invalid", detail)
    })
}

/// Refuses to keep instances of what begins anew each time by its nature.
pub(super) fn may_be_warm(kind: Kind, warm: bool) -> Result<(), Problem> {
    if !warm || kind.is_scheduled() {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "warm: every run of a {} has a fresh instance, only monitors and probes may be kept warm: leave it out",
        kind.as_str()
    )))
}

/// Refuses a budget above the ceiling; says, in sentences, where it differs from what the accessory asks.
pub(super) fn spending(release: &Release, granted: &BudgetAsked) -> Result<Vec<String>, Problem> {
    let budget = release.manifest.budget.granted(granted).resolve().map_err(Problem::invalid)?;
    let asked = release.manifest.budget().map_err(Problem::internal)?;
    Ok(spends(&asked, &budget).iter().map(Spends::sentence).collect())
}

/// Returns the seconds between runs; 0 for what runs when somebody asks.
pub(super) fn interval(kind: Kind, release: &Release, asked: Option<u64>) -> Result<u64, Problem> {
    if !kind.is_scheduled() {
        return match asked {
            Some(_) => {
                Err(Problem::invalid(format!("interval_s: a {} runs when somebody asks, leave it out", kind.as_str())))
            }
            None => Ok(0),
        };
    }
    let interval = asked.unwrap_or_else(|| release.manifest.interval_s_or_default());
    if (1..=INTERVAL_S_MAX).contains(&interval) {
        Ok(interval)
    } else {
        Err(Problem::invalid(format!("interval_s is {interval}, it must be 1 to {INTERVAL_S_MAX}")))
    }
}

/// Installs an accessory. Devices that it does not fit are left out, each with its reasons; if it fits none of those that are
/// there, nothing is installed. Devices that enrol later get it if it fits them.
#[utoipa::path(post, path = "/api/v1/installations", tag = "marketplace", request_body = NewInstallation, responses(
    (status = 201, body = Installed),
    (status = 409, description = "consent-needed, does-not-fit, not-permitted, does-not-verify or not-for-devices"),
    (status = 422, description = "the configuration breaks the accessory's schema")))]
pub async fn install(
    State(app): State<Shared>,
    msp: Msp,
    Body(new): Body<NewInstallation>,
) -> Result<(StatusCode, Json<Installed>), Problem> {
    let msp = msp.may(Action::Install)?;
    let accessory = AccessoryName::parse(&new.accessory).map_err(|e| Problem::invalid(format!("accessory: {e}")))?;
    let release = find_release(&app, msp.scope(), &accessory, new.version.as_deref()).await?;
    let release = verified_for(&app, &msp.access.tenant, release).await?;
    let kind = release.manifest.kind().map_err(Problem::internal)?;
    if !kind.runs_on_devices() {
        let detail = format!("a {} runs on the server: make a connection (POST /api/v1/connections)", kind.as_str());
        return Err(Problem::conflict("not-for-devices", detail));
    }
    let config = new.config.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let config = with_defaults(&release.manifest.config_schema, config);
    configured(&release, &config)?;
    let agreed = agreed(&release, &new.consent)?;
    let interval_s = interval(kind, &release, new.interval_s)?;
    let spending = spending(&release, &new.budget)?;
    may_be_warm(kind, new.warm)?;
    let now = app.now();
    let mut tx = app.store.begin(msp.scope()).await?;
    let target = target(&mut tx, &new.target).await?;
    may_target(&msp, &target)?;
    let devices = tx.devices().await?;
    let limits = Limits::read(&mut tx).await?;
    let mut fit = fitting(&app, &release, (&devices, &target), &limits, &config)?;
    fit.warnings.extend(spending);
    // One accessory may well be there twice, with two configurations.
    let there = tx.installations().await?;
    let twice =
        there.into_iter().filter(|one| one.accessory == accessory && one.target == target && one.config == config);
    fit.warnings.extend(twice.map(|one| {
        format!(
            "{accessory} {} is installed there already, with the same configuration, and goes on ({}): to move it to another \
             version, change that installation, and remove this one",
            one.version, one.id
        )
    }));
    let agreed = bind_config(agreed, &config);
    let installation = Installation {
        id: InstallationId::from_random(clock::random()?),
        release: release.id.clone(),
        accessory,
        version: release.version.clone(),
        target,
        config,
        interval_s,
        grants: effective(&agreed, []).map_err(Problem::internal)?,
        budget: new.budget,
        warm: new.warm,
        installed: now,
    };
    tx.widen()?;
    tx.insert_installation(&installation).await?;
    let details = serde_json::json!({
        "accessory": installation.accessory, "version": installation.version, "digest": release.digest,
        "target": installation.target, "consent": new.consent, "budget": installation.budget,
        "warm": installation.warm,
    });
    tx.append_audit(msp.account.as_str(), "installation.install", installation.id.as_str(), &details, now).await?;
    reassign(&app, &mut tx, &installation.target).await?;
    tx.commit().await?;
    app.wake.notify_one();
    let answer = Installed {
        installation: view(&installation),
        fits: fit.fits,
        of: fit.of,
        devices: fit.devices,
        warnings: fit.warnings,
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Judges a release against the devices of a target, and refuses what fits none of those that are there.
pub(super) fn fitting(
    app: &App,
    release: &Release,
    (devices, target): (&[Device], &Target),
    limits: &Limits,
    config: &Value,
) -> Result<FitView, Problem> {
    let fit = judge(app, release, devices, target, limits, Some(config))?;
    let nowhere = nowhere(app, release);
    if nowhere.is_empty() && (fit.of == 0 || fit.fits > 0) {
        return Ok(fit);
    }
    let (accessory, version) = (&release.accessory, &release.version);
    let mut detail = format!("{accessory} {version} fits none of the {} devices in this target", fit.of);
    nowhere.iter().for_each(|reason| detail.push_str(&format!("; {reason}")));
    if let Some(notice) = &release.notice {
        detail.push_str(&format!("; its publisher says: {}", notice.reason));
    }
    // Where nothing but a ceiling is in the way, that is what has to be said.
    let only_limits =
        |device: &DeviceFit| device.reasons.iter().all(|reason| reason.starts_with("not permitted here: "));
    if nowhere.is_empty() && fit.devices.iter().all(only_limits) {
        let reasons: BTreeSet<&str> = fit.devices.iter().flat_map(|d| &d.reasons).map(String::as_str).collect();
        let said = reasons.into_iter().take(SAID_MAX).collect::<Vec<_>>().join("; ");
        let detail =
            format!("{accessory} {version} is permitted on none of the {} devices in this target: {said}", fit.of);
        return Err(Problem::conflict("not-permitted", detail).with("devices", fit.devices));
    }
    Err(Problem::conflict("does-not-fit", detail).with("devices", fit.devices))
}

/// Enqueues, in this transaction, the new sets of all devices that a target covers.
pub(super) async fn reassign(app: &Shared, tx: &mut Tx, target: &Target) -> Result<(), Problem> {
    for device in tx.devices().await? {
        if target.covers(&device.client, &device.location, &device.id) {
            job::assign(tx, &device.id, app.now()).await?;
        }
    }
    Ok(())
}

/// Lists the installations.
#[utoipa::path(get, path = "/api/v1/installations", tag = "marketplace", responses((status = 200, body = InstallationList)))]
pub async fn list(State(app): State<Shared>, msp: Msp) -> Result<Json<InstallationList>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    let rows = app.store.read(msp.scope()).await?.installations().await?;
    Ok(Json(InstallationList { installations: rows.iter().map(view).collect() }))
}

/// Finds the installation that a path names, among those that the scope sees.
pub async fn found(tx: &mut Tx, id: &str) -> Result<Installation, Problem> {
    let not_found = || Problem::not_found("installation");
    let id = InstallationId::parse(id).map_err(|_| not_found())?;
    tx.installation(&id).await?.ok_or_else(not_found)
}

/// Finds it with the release that is installed.
pub async fn found_with_release(tx: &mut Tx, id: &str) -> Result<(Installation, Release), Problem> {
    let installation = found(tx, id).await?;
    let release = tx.release(&installation.release).await?.ok_or_else(|| Problem::not_found("release"))?;
    Ok((installation, release))
}

/// Removes an installation; its history stays. Alerts that nobody would clear any more close, and their tickets with them.
#[utoipa::path(delete, path = "/api/v1/installations/{id}", tag = "marketplace", responses((status = 204), (status = 404)))]
pub async fn remove(State(app): State<Shared>, msp: Msp, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let msp = msp.may(Action::Install)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    let installation = found(&mut tx, &id).await?;
    let id = &installation.id;
    may_target(&msp, &installation.target)?;
    tx.widen()?;
    if !tx.remove_installation(id, app.now()).await? {
        return Err(Problem::not_found("installation"));
    }
    closing::of_installation(&mut tx, id, app.now()).await?;
    tx.append_audit(msp.account.as_str(), "installation.remove", id.as_str(), &Value::Null, app.now()).await?;
    reassign(&app, &mut tx, &installation.target).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(StatusCode::NO_CONTENT)
}
