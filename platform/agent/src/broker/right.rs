//! By what right something is asked: the grants, as the platform signed them for this device.

use std::collections::BTreeMap;

use fitment_domain::budget::Budget;
use fitment_domain::bytes::Digest;
use fitment_domain::capability::Grants;
use fitment_domain::id::InstallationId;
use fitment_domain::instruction::{Addressee, SetTime, open_kept_set};
use fitment_domain::request::open_order;
use fitment_domain::run::Fault;
use fitment_domain::signature::{Envelope, PublicKey};
use fitment_domain::time::UnixMs;

/// Whose word counts.
pub struct Duty {
    pub me: Addressee,
    pub instruction_key: PublicKey,
}

/// What is kept of the last set that was shown: so that a reading does not bring a megabyte along each time.
pub(super) struct HeldSet {
    digest: Digest,
    time: SetTime,
    grants: BTreeMap<InstallationId, Grants>,
}

pub(super) fn refused(reason: String) -> Fault {
    Fault::Failed(format!("the broker refuses: {reason}"))
}

impl Duty {
    /// Returns what an order grants: the platform's, for this device, and not over.
    pub(super) fn of_order(&self, order: &Envelope, now: UnixMs) -> Result<Grants, Fault> {
        // A run may begin until the order's last moment and act for as long as it may last.
        let begun_at_the_latest = |wall_ms_max: u64| UnixMs(now.0.saturating_sub_unsigned(wall_ms_max));
        let earliest = begun_at_the_latest(Budget::ceiling().wall_ms_max);
        let order = open_order(order, &self.instruction_key, &self.me, earliest).map_err(|e| refused(e.to_string()))?;
        if order.deliver_by < begun_at_the_latest(order.item.budget.wall_ms_max) {
            return Err(refused(format!("the order expired at {}", order.deliver_by)));
        }
        Ok(order.item.grants)
    }

    /// Opens a set that is shown: the platform's, for this device, and never an older one than before. It may have expired: a device
    /// that its server does not reach goes on with what it has.
    pub(super) fn of_set(&self, shown: &Envelope, before: Option<&HeldSet>) -> Result<HeldSet, Fault> {
        let set = open_kept_set(shown, &self.instruction_key, &self.me).map_err(|e| refused(e.to_string()))?;
        if before.is_some_and(|before| set.time < before.time) {
            return Err(refused("the set is older than the one before".to_owned()));
        }
        let grants = set.items.into_iter().map(|item| (item.installation, item.grants)).collect();
        Ok(HeldSet { digest: Digest::of(&shown.to_json()), time: set.time, grants })
    }
}

impl HeldSet {
    pub(super) fn is(&self, digest: &Digest) -> bool {
        self.digest == *digest
    }

    /// Returns what the set grants an installation.
    pub(super) fn grants(&self, installation: &InstallationId) -> Result<&Grants, Fault> {
        self.grants.get(installation).ok_or_else(|| refused(format!("{installation} is not in the set")))
    }
}
