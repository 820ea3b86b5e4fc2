//! Changing an installation: its configuration, how often it runs, where, and which version.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use fitment_domain::budget::BudgetAsked;
use fitment_domain::capability::{Grants, effective};
use fitment_domain::device::Device;
use fitment_domain::difference::{self, Difference};
use fitment_domain::form::with_defaults;
use fitment_domain::installation::{Installation, Target};
use fitment_domain::reach::bind_config;
use fitment_domain::tenant::Action;
use fitment_store::{Release, Tx};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::fit::judge;
use super::installations::{
    InstallationView, Installed, TargetBody, agreed, configured, consent_needed, fitting, found, interval, may_be_warm,
    may_target, reassign, spending, target, view,
};
use super::{find_release, verified_for};
use crate::app::Shared;
use crate::auth::Msp;
use crate::closing;
use crate::limits::Limits;
use crate::problem::{Body, Problem};

/// What changes; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstallationChange {
    /// The whole configuration; what it leaves out gets its default.
    config: Option<Value>,
    /// Seconds between runs, 1 to 86,400.
    interval_s: Option<u64>,
    /// As at the installation.
    #[schema(value_type = Option<Value>)]
    target: Option<TargetBody>,
    /// Another version of the accessory.
    version: Option<String>,
    /// The names of the permissions that somebody agreed to; needed where the other version asks for more than was agreed to.
    consent: Option<BTreeSet<String>>,
    /// What a run may spend instead of what the accessory asks, as at the installation; `{}` takes it back.
    #[schema(value_type = Option<Value>)]
    budget: Option<BudgetAsked>,
    /// Keeps an instance between runs instead of making a fresh one for each.
    warm: Option<bool>,
}

/// Shows an installation.
#[utoipa::path(get, path = "/api/v1/installations/{id}", tag = "marketplace", responses(
    (status = 200, body = InstallationView), (status = 404)))]
pub async fn show(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
) -> Result<Json<InstallationView>, Problem> {
    let msp = msp.may(Action::SeeSetup)?;
    Ok(Json(view(&found(&mut app.store.read(msp.scope()).await?, &id).await?)))
}

/// Returns, in sentences, what a release with this configuration may do beyond what was agreed to before.
pub fn further(release: &Release, config: &Value, before: &Grants) -> Result<Vec<String>, Problem> {
    let asked = bind_config(release.manifest.asked().map_err(Problem::internal)?, config);
    // What it does without and nobody agreed to stays as it is until somebody does.
    let optional = release.manifest.optional();
    let kept = asked.0.into_iter().filter(|(permission, _)| before.has(*permission) || !optional.contains(permission));
    let all = difference::between(before, &Grants(kept.collect())).map_err(Problem::internal)?;
    Ok(all.iter().filter(|one| one.is_more()).map(Difference::present).collect())
}

/// Returns what the installation may do after the change. What is wider than what was agreed to before needs a consent of its
/// own: another version may ask for more, and another configuration may reach further.
fn grants(
    release: &Release,
    config: &Value,
    before: &Grants,
    consent: Option<&BTreeSet<String>>,
) -> Result<Grants, Problem> {
    let added = further(release, config, before)?;
    let asked = match consent {
        Some(consent) => agreed(release, consent).map_err(|problem| problem.with("added", added))?,
        None if added.is_empty() => {
            let asked = release.manifest.asked().map_err(Problem::internal)?;
            Grants(asked.0.into_iter().filter(|(permission, _)| before.has(*permission)).collect())
        }
        None => return Err(consent_needed(release, "it asks for more than was agreed to").with("added", added)),
    };
    effective(&bind_config(asked, config), []).map_err(Problem::internal)
}

/// Changes an installation. Devices that it means no more lose it, and their alerts of it close.
#[utoipa::path(patch, path = "/api/v1/installations/{id}", tag = "marketplace", request_body = InstallationChange, responses(
    (status = 200, body = Installed), (status = 404),
    (status = 409, description = "consent-needed (`added` says what is new), does-not-fit, not-permitted or does-not-verify"),
    (status = 422, description = "invalid, or config-invalid: the configuration breaks the schema of this version")))]
pub async fn change(
    State(app): State<Shared>,
    msp: Msp,
    Path(id): Path<String>,
    Body(change): Body<InstallationChange>,
) -> Result<Json<Installed>, Problem> {
    let msp = msp.may(Action::Install)?;
    let before = found(&mut app.store.read(msp.scope()).await?, &id).await?;
    let version = change.version.clone().unwrap_or_else(|| before.version.to_string());
    let release = find_release(&app, msp.scope(), &before.accessory, Some(&version)).await?;
    let release = verified_for(&app, &msp.access.tenant, release).await?;
    let config = change.config.unwrap_or_else(|| before.config.clone());
    let config = with_defaults(&release.manifest.config_schema, config);
    configured(&release, &config)?;
    let grants = grants(&release, &config, &before.grants, change.consent.as_ref())?;
    let kind = release.manifest.kind().map_err(Problem::internal)?;
    // What runs when somebody asks has no interval to keep.
    let kept = kind.is_scheduled().then_some(before.interval_s);
    let interval_s = interval(kind, &release, change.interval_s.or(kept))?;
    let budget = change.budget.unwrap_or_else(|| before.budget.clone());
    let spending = spending(&release, &budget)?;
    let warm = change.warm.unwrap_or(before.warm);
    may_be_warm(kind, warm)?;
    let mut tx = app.store.begin(msp.scope()).await?;
    // Somebody may have changed it meanwhile: nobody's change is lost in silence.
    if found(&mut tx, &id).await? != before {
        return Err(Problem::conflict(
            "changed-meanwhile",
            "somebody else changed this installation just now: look again",
        ));
    }
    may_target(&msp, &before.target)?;
    let target = match &change.target {
        Some(body) => target(&mut tx, body).await?,
        None => before.target.clone(),
    };
    may_target(&msp, &target)?;
    let (devices, limits) = (tx.devices().await?, Limits::read(&mut tx).await?);
    // What runs may be changed where it runs, whatever became of its release and of its devices.
    let goes_on = release.version == before.version && before.target.includes(&target);
    let fit = match goes_on {
        true => judge(&app, &release, &devices, &target, &limits, Some(&config))?,
        false => fitting(&app, &release, (&devices, &target), &limits, &config)?,
    };
    let after = Installation {
        release: release.id.clone(),
        version: release.version.clone(),
        target,
        config,
        interval_s,
        grants,
        budget,
        warm,
        ..before.clone()
    };
    tx.widen()?;
    tx.update_installation(&after).await?;
    let details = json!({
        "accessory": after.accessory, "version": { "from": before.version, "to": after.version },
        "target": { "from": before.target, "to": after.target }, "interval_s": after.interval_s,
        "config_changed": before.config != after.config, "consent": change.consent,
        "budget": { "from": before.budget, "to": after.budget }, "warm": after.warm,
    });
    tx.append_audit(msp.account.as_str(), "installation.change", after.id.as_str(), &details, app.now()).await?;
    leave(&app, &mut tx, &devices, &before.target, &after.target).await?;
    reassign(&app, &mut tx, &Target::Any(vec![before.target, after.target.clone()])).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(Installed {
        installation: view(&after),
        fits: fit.fits,
        of: fit.of,
        devices: fit.devices,
        warnings: fit.warnings.into_iter().chain(spending).collect(),
    }))
}

/// Closes the alerts on devices that one target covers and the other does not.
async fn leave(app: &Shared, tx: &mut Tx, devices: &[Device], before: &Target, after: &Target) -> Result<(), Problem> {
    let covered = |target: &Target, device: &Device| target.covers(&device.client, &device.location, &device.id);
    for device in devices.iter().filter(|device| covered(before, device) && !covered(after, device)) {
        closing::of_uncovered(tx, device, app.now()).await?;
    }
    Ok(())
}
