//! A release: what was published, by whom, and in which state of its life it is. A release never changes.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::bytes::Digest;
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

/// The part of the publication life that this version has: an upload that validates waits for review; an approval publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publication {
    InReview,
    Published,
}

impl Publication {
    /// Returns the word that databases and wires use.
    pub fn as_str(self) -> &'static str {
        match self {
            Publication::InReview => "in-review",
            Publication::Published => "published",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        [Publication::InReview, Publication::Published].into_iter().find(|p| p.as_str() == text)
    }

    /// Returns whether MSPs see and install it.
    pub fn is_available(self) -> bool {
        matches!(self, Publication::Published)
    }
}
