//! Does a release fit a device? Never a bare no: every reason, and what would help.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::device::{Device, Facts, fact};
use crate::manifest::{Kind, Requirements};
use crate::release::Publication;

/// The version of the contract that this platform hosts.
pub const CONTRACT_VERSION: Version = Version::new(0, 1, 1);

/// What the platform is, for requirements on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    pub product: Version,
    pub contract: Version,
}

/// One reason why a release does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Mismatch {
    #[error("the release is {state}, only published releases can be installed")]
    NotPublished { state: String },
    #[error("needs product {needs}, this platform is {has}")]
    Product { needs: String, has: String },
    #[error("needs contract {needs}, this platform hosts {has}")]
    Contract { needs: String, has: String },
    #[error("needs agent {needs}, has {has}")]
    Agent { needs: String, has: String },
    #[error("needs os {needs}, has {has}")]
    Os { needs: String, has: String },
    #[error("needs arch {needs}, has {has}")]
    Arch { needs: String, has: String },
    #[error("the device's certificates are revoked")]
    Revoked,
    #[error("not permitted here: {why}")]
    NotPermitted { why: String },
    #[error("no agent runs on it yet: it was entered by hand or imported")]
    NoAgent,
}

/// Returns why a release cannot be installed in a tenant. `tried` says that the tenant is the publisher's own test tenant, and
/// the platform signed for it.
pub fn state_mismatch(state: Publication, tried: bool) -> Option<Mismatch> {
    let open = state.is_available() || (tried && state == Publication::InReview);
    (!open).then(|| Mismatch::NotPublished { state: state.as_str().to_owned() })
}

/// Returns why a release does not fit the platform, whatever its state; empty if it does.
pub fn platform_mismatches(requires: &Requirements, platform: &Platform) -> Vec<Mismatch> {
    let mut reasons = Vec::new();
    if !meets(&requires.product, &platform.product) {
        reasons.push(Mismatch::Product { needs: requires.product.to_string(), has: platform.product.to_string() });
    }
    reasons.extend(contract_mismatch(requires, &platform.contract));
    reasons
}

/// Returns why a host of this contract cannot run a release; none if it can.
pub fn contract_mismatch(requires: &Requirements, contract: &Version) -> Option<Mismatch> {
    let fits = meets(&requires.wit, contract);
    (!fits).then(|| Mismatch::Contract { needs: requires.wit.to_string(), has: contract.to_string() })
}

/// All that a fit looks at of a device: devices of one class fit the same releases, and one judgement is enough for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class<'a> {
    os: &'a str,
    arch: &'a str,
    agent: &'a str,
    has_agent: bool,
    revoked: bool,
}

impl<'a> Class<'a> {
    /// Returns the class of a device that the platform knows.
    pub fn of(device: &'a Device) -> Self {
        Self { has_agent: device.has_agent, revoked: device.revoked.is_some(), ..Self::here(&device.facts) }
    }

    /// Returns the class of the device on which the asking agent runs.
    pub fn here(facts: &'a Facts) -> Self {
        let known = |name| facts.text(name).unwrap_or("unknown");
        Self {
            os: known(fact::OS_FAMILY),
            arch: known(fact::ARCH),
            agent: known(fact::AGENT_VERSION),
            has_agent: true,
            revoked: false,
        }
    }

    /// Returns why an agent of this class is too old for something; none if it is not. One that nobody knows the version of is.
    pub fn lacks_agent(&self, needs: Option<Version>) -> Option<Mismatch> {
        let needs = needs?;
        let has_it = Version::parse(self.agent).is_ok_and(|version| version >= needs);
        (!has_it).then(|| Mismatch::Agent { needs: format!(">={needs}"), has: self.agent.to_owned() })
    }
}

/// Returns why a release does not run on a device of this class, whatever state the release is in; empty if it does. The server,
/// the installer and the agent all ask this.
pub fn device_mismatches(kind: Kind, requires: &Requirements, class: Class<'_>) -> Vec<Mismatch> {
    let mut reasons = Vec::new();
    if kind.runs_on_devices() {
        if !requires.os.is_empty() && !requires.os.iter().any(|os| os == class.os) {
            reasons.push(Mismatch::Os { needs: requires.os.join(" or "), has: class.os.to_owned() });
        }
        if !requires.arch.is_empty() && !requires.arch.iter().any(|arch| arch == class.arch) {
            reasons.push(Mismatch::Arch { needs: requires.arch.join(" or "), has: class.arch.to_owned() });
        }
        // Which version an agent would need is no news where there is none.
        if let Some(needs) = requires.agent.as_ref().filter(|_| class.has_agent) {
            let fits = Version::parse(class.agent).is_ok_and(|version| meets(needs, &version));
            if !fits {
                reasons.push(Mismatch::Agent { needs: needs.to_string(), has: class.agent.to_owned() });
            }
        }
    }
    if !class.has_agent {
        reasons.push(Mismatch::NoAgent);
    }
    if class.revoked {
        reasons.push(Mismatch::Revoked);
    }
    reasons
}

/// A pre-release is judged as the release that it leads to: 1.2.0-rc.1 meets ">=1.2".
fn meets(requirement: &VersionReq, version: &Version) -> bool {
    requirement.matches(version) || requirement.matches(&Version::new(version.major, version.minor, version.patch))
}
