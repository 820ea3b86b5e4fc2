//! What a device is to run: a signed set with the time at which it became effective, and the signed answer "up to date".

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::artifact::Offer;
use crate::budget::Budget;
use crate::bytes::Digest;
use crate::capability::Grants;
use crate::id::{DeviceId, InstallationId, TenantId};
use crate::manifest::AccessoryName;
use crate::signature::{BadSignature, Envelope, PublicKey, Signer};
use crate::time::{DAY_MS, UnixMs};

/// The payload type of an instruction set.
pub const SET_TYPE: &str = "application/vnd.fitment.instruction-set+json";
/// The payload type of the answer "up to date".
pub const UP_TO_DATE_TYPE: &str = "application/vnd.fitment.up-to-date+json";
/// How long a set may be taken, in milliseconds after it was signed.
pub const SET_LIFETIME_MS: u64 = 7 * DAY_MS;
/// How long "up to date" holds, in milliseconds after it was signed.
pub const UP_TO_DATE_LIFETIME_MS: u64 = DAY_MS;

/// The position of a set: epochs count restored backups, T is the time within an epoch at which the set became effective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct SetTime {
    pub epoch: i64,
    pub t: UnixMs,
}

impl SetTime {
    /// Returns the time of the next set: now, but always later than the last one of this epoch.
    pub fn next(self, epoch: i64, now: UnixMs) -> Self {
        let floor = if epoch == self.epoch { UnixMs(self.t.0.saturating_add(1)) } else { UnixMs(0) };
        Self { epoch, t: now.max(floor) }
    }
}

/// What the centre answers an agent that names the time of its set (the agent's `None`: it has none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// The centre's set is later, or of a newer epoch: it replaces the agent's.
    NewSet,
    /// Also when the agent's time is later within the same epoch.
    UpToDate,
}

/// Decides between the new set and "up to date".
pub fn currency(centre: SetTime, agent: Option<SetTime>) -> Currency {
    match agent {
        Some(agent) if centre <= agent => Currency::UpToDate,
        _ => Currency::NewSet,
    }
}

/// One accessory that a device is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    pub installation: InstallationId,
    pub accessory: AccessoryName,
    pub version: Version,
    /// The one file that runs.
    pub digest: Digest,
    /// The release statement with both signatures; with the publisher's alone where `development` stands in for the second.
    pub statement: Envelope,
    /// In a test tenant: what the platform signed for it instead of approving the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub development: Option<Envelope>,
    pub publisher_key: PublicKey,
    pub config: serde_json::Value,
    pub interval_s: u64,
    pub grants: Grants,
    #[serde(serialize_with = "crate::budget::for_agents")]
    pub budget: Budget,
    /// Where the device's MSP wants it: code that need not be compiled here. Agents that do not say for which machines they take such
    /// code would refuse a set that offers any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Offer>,
    /// Its instance is kept between runs, as the MSP chose.
    #[serde(default, skip_serializing_if = "crate::manifest::is_false")]
    pub warm: bool,
}

impl Item {
    /// Returns whether it runs something else than before, or runs it otherwise. Who compiled it, and who signed for it, is neither:
    /// that changes without anybody's doing at the device's MSP.
    pub fn differs_in_what_runs(&self, before: &Item) -> bool {
        self.version != before.version
            || self.digest != before.digest
            || self.config != before.config
            || self.interval_s != before.interval_s
            || self.grants != before.grants
            || self.budget != before.budget
    }
}

/// What one device is to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstructionSet {
    pub tenant: TenantId,
    pub device: DeviceId,
    pub time: SetTime,
    /// The group of applications that these instructions look after.
    pub group: String,
    /// After this time the set is not taken any more.
    pub expires: UnixMs,
    pub items: Vec<Item>,
}

impl InstructionSet {
    /// Returns the items that somebody put there or changed since these.
    pub fn changed_since<'a>(&'a self, before: &'a [Item]) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(|item| {
            let earlier = before.iter().find(|earlier| earlier.installation == item.installation);
            earlier.is_none_or(|earlier| item.differs_in_what_runs(earlier))
        })
    }
}

/// "Your set is current", bound to the question that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpToDate {
    pub tenant: TenantId,
    pub device: DeviceId,
    /// The agent's own position, repeated.
    pub time: SetTime,
    pub nonce: String,
    pub at: UnixMs,
    pub expires: UnixMs,
}

/// Why an agent does not take an answer about its instructions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInstruction {
    #[error(transparent)]
    Signature(#[from] BadSignature),
    #[error("it is meant for another device or tenant")]
    NotForMe,
    #[error("it expired at {0}")]
    Expired(UnixMs),
    #[error("it is of epoch {} T {}, the set that runs is of epoch {} T {}: an older set never replaces a newer one", .got.epoch, .got.t, .have.epoch, .have.t)]
    Older { got: SetTime, have: SetTime },
    #[error("it answers another question (the nonce differs)")]
    Replayed,
    #[error("it speaks of another set than the one that runs")]
    OtherSet,
}

/// Who an agent is, for judging what is addressed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    pub tenant: TenantId,
    pub device: DeviceId,
}

/// Opens an instruction set for a device. `have` is the set that runs; a set that is not newer is refused.
pub fn open_set(
    envelope: &Envelope,
    key: &PublicKey,
    me: &Addressee,
    have: Option<SetTime>,
    now: UnixMs,
) -> Result<InstructionSet, BadInstruction> {
    let set = open_kept_set(envelope, key, me)?;
    if set.expires < now {
        return Err(BadInstruction::Expired(set.expires));
    }
    if let Some(have) = have.filter(|have| set.time <= *have) {
        return Err(BadInstruction::Older { got: set.time, have });
    }
    Ok(set)
}

/// Opens the set that an agent kept on its disk. It may have expired: what runs goes on, nothing new is taken.
pub fn open_kept_set(envelope: &Envelope, key: &PublicKey, me: &Addressee) -> Result<InstructionSet, BadInstruction> {
    let set: InstructionSet = envelope.open(SET_TYPE, &[(Signer::Platform, *key)])?;
    if set.tenant != me.tenant || set.device != me.device {
        return Err(BadInstruction::NotForMe);
    }
    Ok(set)
}

/// Opens the answer "up to date".
pub fn open_up_to_date(
    envelope: &Envelope,
    key: &PublicKey,
    me: &Addressee,
    have: SetTime,
    nonce: &str,
    now: UnixMs,
) -> Result<UpToDate, BadInstruction> {
    let answer: UpToDate = envelope.open(UP_TO_DATE_TYPE, &[(Signer::Platform, *key)])?;
    if answer.tenant != me.tenant || answer.device != me.device {
        return Err(BadInstruction::NotForMe);
    }
    if answer.nonce != nonce {
        return Err(BadInstruction::Replayed);
    }
    if answer.time != have {
        return Err(BadInstruction::OtherSet);
    }
    if answer.expires < now {
        return Err(BadInstruction::Expired(answer.expires));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: i64, t: i64) -> SetTime {
        SetTime { epoch, t: UnixMs(t) }
    }

    #[test]
    fn a_later_time_or_a_newer_epoch_is_answered_by_the_new_set() {
        assert_eq!(currency(at(1, 20), Some(at(1, 10))), Currency::NewSet);
        assert_eq!(currency(at(1, 20), Some(at(1, 20))), Currency::UpToDate);
        assert_eq!(currency(at(1, 20), Some(at(1, 30))), Currency::UpToDate);
        assert_eq!(currency(at(2, 5), Some(at(1, 30))), Currency::NewSet);
        assert_eq!(currency(at(1, 5), None), Currency::NewSet);
    }

    #[test]
    fn time_only_grows_within_an_epoch() {
        assert_eq!(at(1, 100).next(1, UnixMs(50)), at(1, 101));
        assert_eq!(at(1, 100).next(1, UnixMs(500)), at(1, 500));
        assert_eq!(at(1, 100).next(2, UnixMs(50)), at(2, 50));
    }

    fn envelope() -> Envelope {
        Envelope { payload_type: "x".to_owned(), payload: String::new(), signatures: Vec::new() }
    }

    fn item() -> Item {
        let item = serde_json::json!({
            "installation": InstallationId::from_random([1; 16]), "accessory": "acme/disk", "version": "1.0.0",
            "digest": Digest::of(b"component"), "statement": envelope(), "config": { "limit": 1 }, "interval_s": 60,
            "publisher_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "grants": {},
            "budget": Budget::default_for_accessories(),
        });
        serde_json::from_value(item).unwrap()
    }

    fn set(items: Vec<Item>) -> InstructionSet {
        let (tenant, device) = (TenantId::from_random([2; 16]), DeviceId::from_random([3; 16]));
        InstructionSet { tenant, device, time: at(1, 1), group: "all".to_owned(), expires: UnixMs(1), items }
    }

    #[test]
    fn an_offer_of_compiled_code_is_no_change_of_what_runs() {
        let before = item();
        let offer = |build_min| Some(Offer { statement: envelope(), build_min });
        let offered = Item { artifact: offer(1), ..before.clone() };
        let raised = Item { artifact: offer(2), ..before.clone() };
        for (from, to) in [(&before, &offered), (&offered, &raised), (&raised, &before), (&before, &before)] {
            assert_eq!(set(vec![to.clone()]).changed_since(std::slice::from_ref(from)).count(), 0);
        }
        let changes = [
            Item { version: Version::new(1, 0, 1), ..before.clone() },
            Item { digest: Digest::of(b"another"), ..before.clone() },
            Item { config: serde_json::json!({ "limit": 2 }), ..before.clone() },
            Item { interval_s: 61, ..before.clone() },
            Item {
                grants: Grants([(crate::capability::Permission::Metrics, Default::default())].into()),
                ..before.clone()
            },
            Item { budget: Budget { fuel_max: 7, ..before.budget.clone() }, ..before.clone() },
            Item { installation: InstallationId::from_random([9; 16]), ..before.clone() },
        ];
        for change in changes {
            assert_eq!(set(vec![before.clone(), change]).changed_since(std::slice::from_ref(&before)).count(), 1);
        }
    }
}
