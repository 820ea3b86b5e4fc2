//! Results that the server will never take, kept for a person.

use std::path::{Path, PathBuf};

use fitment_domain::id::SpoolEpoch;
use fitment_domain::protocol::RunResult;

use super::SpoolError;
use crate::files;

/// A bounded folder of refused results.
pub(super) struct Refused {
    folder: PathBuf,
    records_max: usize,
}

impl Refused {
    /// Opens the folder.
    pub(super) fn open(root: &Path, records_max: usize) -> Result<Self, SpoolError> {
        let folder = root.join("refused");
        files::private_folder(&folder)?;
        Ok(Self { folder, records_max })
    }

    /// Keeps a result and why it was refused. The first by name make room: which ones hardly matters, that it ends does.
    pub(super) fn keep(&self, epoch: &SpoolEpoch, result: &RunResult, reason: &str) -> Result<(), SpoolError> {
        let mut kept = files::list(&self.folder)?;
        kept.sort();
        let surplus = (kept.len() + 1).saturating_sub(self.records_max);
        kept.iter().take(surplus).try_for_each(|(path, _)| files::remove(path))?;
        let json = serde_json::to_vec(&serde_json::json!({ "reason": reason, "result": result }))
            .map_err(|e| SpoolError::Malformed(e.to_string()))?;
        let path = self.folder.join(format!("{epoch}-{}.json", result.sequence));
        Ok(files::write_durable(&path, &json)?)
    }
}
