//! The configuration; `config.schema.json` says the same to people and to the host.

use fitment_sdk::{Fault, text};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Config {
    pub(crate) warning_percent: f64,
    pub(crate) critical_percent: f64,
    pub(crate) warning_free_bytes: Option<u64>,
    pub(crate) critical_free_bytes: Option<u64>,
    pub(crate) mounts: Option<Vec<String>>,
    pub(crate) exclude: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            warning_percent: 80.0,
            critical_percent: 90.0,
            warning_free_bytes: None,
            critical_free_bytes: None,
            mounts: None,
            exclude: Vec::new(),
        }
    }
}

impl Config {
    /// Refuses what the schema cannot say: limits in the wrong order, with which nothing would ever be a warning.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        text::limits(("warning_percent", self.warning_percent), ("critical_percent", self.critical_percent))?;
        match (self.warning_free_bytes, self.critical_free_bytes) {
            (Some(warning), Some(critical)) if warning < critical => Err(Fault::Invalid(
                "configuration: `warning_free_bytes` is below `critical_free_bytes`: raise it".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Returns the mount points that are asked for by their exact name.
    pub(crate) fn exact_mounts(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().flatten().map(String::as_str).filter(|pattern| !pattern.ends_with('*'))
    }

    pub(crate) fn names(&self, mount: &str) -> bool {
        self.exact_mounts().any(|exact| exact == mount)
    }

    pub(crate) fn excludes(&self, mount: &str) -> bool {
        self.exclude.iter().any(|pattern| matches(pattern, mount))
    }

    /// Says whether a mount is to be judged. A read-only file system cannot fill up, so it is only judged when named.
    pub(crate) fn wants(&self, mount: &str, read_only: bool) -> bool {
        let asked = match &self.mounts {
            Some(patterns) => patterns.iter().any(|pattern| matches(pattern, mount)),
            None => true,
        };
        asked && !self.excludes(mount) && (!read_only || self.names(mount))
    }
}

/// A pattern is a mount point, or the beginning of one and a `*`.
fn matches(pattern: &str, mount: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == mount, |beginning| mount.starts_with(beginning))
}
