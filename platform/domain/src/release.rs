//! A release: what was published, by whom, and in which state of its life it is. A release never changes.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
use crate::id::TenantId;
use crate::manifest::AccessoryName;
use crate::time::UnixMs;

/// The payload type of a release statement.
pub const RELEASE_TYPE: &str = "application/vnd.fitment.release+json";

/// What publisher and platform sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseStatement {
    pub accessory: AccessoryName,
    pub version: Version,
    pub kind: String,
    /// Of the component.
    pub digest: Digest,
    /// Of the listing.
    pub listing_digest: Digest,
    pub created: UnixMs,
}

/// What people read; signed through its digest, never sent to devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// One line, at most 200 characters.
    pub summary: String,
    /// An SPDX expression.
    pub license: String,
    pub authors: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    pub readme: String,
    pub changelog: String,
}

/// The largest listing, in bytes of JSON.
pub const LISTING_BYTES_MAX: usize = 256 * 1024;

impl Listing {
    /// Returns what is missing or too long, as field and problem.
    pub fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        if !(1..=200).contains(&self.summary.chars().count()) {
            problems.push(("summary", "must have 1 to 200 characters"));
        }
        if self.license.trim().is_empty() {
            problems.push(("license", "is missing: write an SPDX expression such as \"MIT\""));
        }
        if self.authors.iter().all(|a| a.trim().is_empty()) {
            problems.push(("authors", "is missing: name at least one"));
        }
        if self.readme.trim().is_empty() {
            problems.push(("readme", "is missing: write README.md beside fitment.toml"));
        }
        if self.changelog.trim().is_empty() {
            problems.push(("changelog", "is missing: write CHANGELOG.md beside fitment.toml"));
        }
        problems
    }
}

/// The payload type of a development statement.
pub const DEVELOPMENT_TYPE: &str = "application/vnd.fitment.development+json";

/// What the platform signs, with a key of its own, so that one tenant's devices run a release that nobody approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevelopmentStatement {
    /// The only tenant in which it means anything.
    pub tenant: TenantId,
    pub accessory: AccessoryName,
    pub version: Version,
    /// Of the component.
    pub digest: Digest,
    pub created: UnixMs,
}

/// Where a release stands in its publication life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publication {
    /// Uploaded and valid; waits for the marketplace's operator.
    InReview,
    /// Refused by the operator. The version is used up.
    Rejected,
    Published,
    /// Still there, with a warning: something better is.
    Deprecated,
    /// Taken back: nobody installs it any more, and where it runs it goes on.
    Yanked,
}

/// What somebody does to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Approve,
    Reject,
    Deprecate,
    Undeprecate,
    Yank,
    Unyank,
}

/// Who does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The publisher of this very release.
    Publisher,
    Operator,
}

/// Why a release stays where it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a release that is {state} cannot be {wanted}")]
pub struct NotPossible {
    pub state: &'static str,
    pub wanted: &'static str,
}

impl Step {
    /// Returns what a release is after it, in a word.
    pub fn past(self) -> &'static str {
        match self {
            Step::Approve => "approved",
            Step::Reject => "rejected",
            Step::Deprecate => "deprecated",
            Step::Undeprecate => "undeprecated",
            Step::Yank => "yanked",
            Step::Unyank => "unyanked",
        }
    }
}

impl Publication {
    /// Every state.
    pub const ALL: [Publication; 5] = [
        Publication::InReview,
        Publication::Rejected,
        Publication::Published,
        Publication::Deprecated,
        Publication::Yanked,
    ];

    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Publication::InReview => "in-review",
            Publication::Rejected => "rejected",
            Publication::Published => "published",
            Publication::Deprecated => "deprecated",
            Publication::Yanked => "yanked",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns where a step leads. What is not in this table is not possible.
    pub fn after(self, step: Step, actor: Actor) -> Result<Self, NotPossible> {
        match (self, step, actor) {
            (Publication::InReview, Step::Approve, Actor::Operator) => Ok(Publication::Published),
            (Publication::InReview, Step::Reject, Actor::Operator) => Ok(Publication::Rejected),
            (Publication::Published, Step::Deprecate, Actor::Publisher) => Ok(Publication::Deprecated),
            (Publication::Deprecated, Step::Undeprecate, Actor::Publisher) => Ok(Publication::Published),
            (Publication::Published | Publication::Deprecated, Step::Yank, Actor::Publisher) => Ok(Publication::Yanked),
            (Publication::Yanked, Step::Unyank, Actor::Publisher) => Ok(Publication::Published),
            _ => Err(NotPossible { state: self.as_str(), wanted: step.past() }),
        }
    }

    /// Returns whether MSPs may install it anew.
    pub fn is_available(self) -> bool {
        matches!(self, Publication::Published | Publication::Deprecated)
    }

    /// Returns whether it goes on where it is installed.
    pub fn runs(self) -> bool {
        matches!(self, Publication::Published | Publication::Deprecated | Publication::Yanked)
    }
}

/// The longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// Why a release was deprecated, yanked or rejected; MSPs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub reason: String,
    /// `publisher/name` or `publisher/name@version`: what to take instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// Why a notice is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    #[error("reason must have 3 to {REASON_CHARS_MAX} characters on one line: people read it before they act")]
    Reason,
    #[error("replacement {0:?} must be publisher/name or publisher/name@version")]
    Replacement(String),
}

/// Checks why a person did something that others read.
pub fn check_reason(reason: &str) -> Result<(), BadNotice> {
    let fits = (3..=REASON_CHARS_MAX).contains(&reason.trim().chars().count());
    if fits && !reason.chars().any(char::is_control) { Ok(()) } else { Err(BadNotice::Reason) }
}

impl Notice {
    /// Checks what a person wrote.
    pub fn check(&self) -> Result<(), BadNotice> {
        check_reason(&self.reason)?;
        let Some(replacement) = &self.replacement else { return Ok(()) };
        let (name, version) = replacement.split_once('@').map_or((replacement.as_str(), None), |(n, v)| (n, Some(v)));
        let version_ok = version.is_none_or(|version| Version::parse(version).is_ok());
        if AccessoryName::parse(name).is_err() || !version_ok {
            return Err(BadNotice::Replacement(replacement.chars().take(120).collect()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_of_the_publication_table_is_as_it_is_written_here() {
        use Publication::{Deprecated, InReview, Published, Rejected, Yanked};
        use Step::{Approve, Deprecate, Reject, Undeprecate, Unyank, Yank};
        let steps = [Approve, Reject, Deprecate, Undeprecate, Yank, Unyank];
        // Rows: states in the order of ALL. Columns: steps by whoever may do them.
        let table = [
            [Some(Published), Some(Rejected), None, None, None, None],
            [None, None, None, None, None, None],
            [None, None, Some(Deprecated), None, Some(Yanked), None],
            [None, None, None, Some(Published), Some(Yanked), None],
            [None, None, None, None, None, Some(Published)],
        ];
        assert_eq!(Publication::ALL, [InReview, Rejected, Published, Deprecated, Yanked]);
        for (state, row) in Publication::ALL.into_iter().zip(table) {
            for (step, cell) in steps.into_iter().zip(row) {
                let (allowed, other) = match step {
                    Approve | Reject => (Actor::Operator, Actor::Publisher),
                    _ => (Actor::Publisher, Actor::Operator),
                };
                assert_eq!(state.after(step, allowed).ok(), cell, "{state:?} {step:?}");
                assert_eq!(state.after(step, other).ok(), None, "{state:?} {step:?} by {other:?}");
            }
        }
    }

    #[test]
    fn who_may_install_and_what_goes_on_is_decided_for_every_state() {
        let table = [(false, false), (false, false), (true, true), (true, true), (false, true)];
        for (state, (installs, runs)) in Publication::ALL.into_iter().zip(table) {
            assert_eq!((state.is_available(), state.runs()), (installs, runs), "{state:?}");
            assert_eq!(Publication::parse(state.as_str()), Some(state));
        }
    }

    #[test]
    fn a_notice_says_why_and_names_what_can_be_named() {
        let notice = |reason: &str, replacement: Option<&str>| {
            Notice { reason: reason.to_owned(), replacement: replacement.map(str::to_owned) }.check()
        };
        assert_eq!(notice("use disk-space 2", Some("acme/disk-space@2.0.0")), Ok(()));
        assert_eq!(notice("  ", None), Err(BadNotice::Reason));
        assert_eq!(notice("a\nb", None), Err(BadNotice::Reason));
        assert!(matches!(notice("because", Some("disk-space")), Err(BadNotice::Replacement(_))));
        assert!(matches!(notice("because", Some("acme/disk@2")), Err(BadNotice::Replacement(_))));
    }
}
