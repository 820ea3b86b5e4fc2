//! What may run: the package passed the door once more, on this machine, just before it is loaded.

use std::collections::BTreeSet;

use fitment_domain::budget::Budget;
use fitment_domain::capability::{self, Grants, Permission};
use fitment_domain::device::Facts;
use fitment_domain::id::TenantId;
use fitment_domain::instruction::Item;
use fitment_domain::manifest::{BadManifest, Kind};
use fitment_domain::matching::{self, Class};
use fitment_domain::package::PackageLimits;
use fitment_domain::reach::{self, TooManyPatterns};
use fitment_domain::signature::{self, BadSignature, PublicKey, Second, Wanted};
use fitment_runner_client::ComponentRef;

/// What a package is to do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Run by itself, at intervals.
    Schedule,
    /// Run once, because somebody ordered it.
    Order,
}

/// Whose word about a release this device takes.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Countersigns what was approved.
    pub release_key: PublicKey,
    /// In a test tenant: countersigns what nobody approved yet. None on every other device.
    pub development_key: Option<PublicKey>,
    pub tenant: TenantId,
}

/// An item with a component that passed.
pub struct Admitted {
    pub item: Item,
    pub component: ComponentRef,
    pub kind: Kind,
    /// What the signed package asks, before anything is put in its places.
    pub asked: Grants,
    /// What of it the installation itself names, and not the package.
    pub named: Grants,
    /// What it does without.
    pub optional: BTreeSet<Permission>,
}

/// Why a package does not run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error(transparent)]
    Manifest(#[from] BadManifest),
    #[error("the instructions say {field} {instructed}, the signed package {signed}")]
    Disagrees { field: &'static str, instructed: String, signed: String },
    #[error("a {0} does not run on devices")]
    Kind(&'static str),
    #[error("a {0} is not run by the schedule: it runs when somebody orders it")]
    NotScheduled(&'static str),
    #[error("a {0} is not run by an order: only scripts are")]
    NotOrdered(&'static str),
    #[error("it does not fit this device: {0}")]
    DoesNotFit(String),
    #[error("nobody approved this release, and this device is in no test tenant")]
    NotApproved,
    #[error("the instructions grant more than the package asks")]
    GrantsWider,
    #[error("the instructions' grants cannot be compared with what the package asks: {0}")]
    GrantsUnclear(#[from] TooManyPatterns),
    #[error("the instructions allow a run more than any run may spend")]
    BudgetOverCeiling,
    #[error("the agent was stopped while it verified the package")]
    Interrupted,
    #[error("interval_s is 0: it must be at least 1")]
    Interval,
}

impl Refusal {
    /// Returns whether the same component, fetched again, may pass: only what was changed on the way or on the disk can.
    pub fn may_heal(&self) -> bool {
        matches!(self, Refusal::Signature(BadSignature::Digest { .. }) | Refusal::Interrupted)
    }
}

fn agree<T: PartialEq + std::fmt::Display>(field: &'static str, instructed: &T, signed: &T) -> Result<(), Refusal> {
    if instructed == signed {
        return Ok(());
    }
    Err(Refusal::Disagrees { field, instructed: instructed.to_string(), signed: signed.to_string() })
}

fn serves(kind: Kind, purpose: Purpose) -> Result<(), Refusal> {
    match purpose {
        _ if !kind.runs_on_devices() => Err(Refusal::Kind(kind.as_str())),
        Purpose::Schedule if !kind.is_scheduled() => Err(Refusal::NotScheduled(kind.as_str())),
        Purpose::Order if kind != Kind::Script => Err(Refusal::NotOrdered(kind.as_str())),
        Purpose::Schedule | Purpose::Order => Ok(()),
    }
}

/// Returns which second signature an item must have: the platform's, unless this device may take the other one.
fn second(item: &Item, trust: &Trust) -> Result<Second, Refusal> {
    let Some(statement) = item.development.clone() else { return Ok(Second::Platform(trust.release_key)) };
    let key = trust.development_key.ok_or(Refusal::NotApproved)?;
    Ok(Second::Development { key, tenant: trust.tenant.clone(), statement })
}

/// Verifies a component against the item that names it: the only way to something that can be run.
pub fn admit(
    item: &Item,
    component: Vec<u8>,
    trust: &Trust,
    facts: &Facts,
    purpose: Purpose,
) -> Result<Admitted, Refusal> {
    let wanted = Wanted { publisher: item.publisher_key, second: second(item, trust)? };
    let verified = signature::verify(&component, &item.statement.to_json(), &wanted, &PackageLimits::standard())?;
    agree("digest", &item.digest, &verified.package.digest)?;
    let manifest = &verified.package.manifest;
    agree("accessory", &item.accessory, &manifest.name)?;
    agree("version", &item.version, &manifest.version)?;
    let kind = manifest.kind()?;
    serves(kind, purpose)?;
    let mut mismatches = matching::device_mismatches(kind, &manifest.requires, Class::here(facts));
    mismatches.extend(matching::contract_mismatch(&manifest.requires, &matching::CONTRACT_VERSION));
    if !mismatches.is_empty() {
        let words: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        return Err(Refusal::DoesNotFit(words.join("; ")));
    }
    let (asked, optional) = (manifest.asked()?, manifest.optional());
    let bound = reach::bind_config(asked.clone(), &item.config);
    if !capability::is_within(&item.grants, &bound)? {
        return Err(Refusal::GrantsWider);
    }
    if !item.budget.is_within(&Budget::ceiling()) {
        return Err(Refusal::BudgetOverCeiling);
    }
    if purpose == Purpose::Schedule && item.interval_s == 0 {
        return Err(Refusal::Interval);
    }
    let named = reach::named_by_installation(&asked, &item.config, &manifest.config_schema);
    let component = ComponentRef { digest: verified.package.digest, bytes: component.into() };
    Ok(Admitted { item: item.clone(), component, kind, asked, named, optional })
}
