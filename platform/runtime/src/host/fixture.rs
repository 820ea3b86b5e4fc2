//! A simulated device: the fixture of the run answers in the place of the system, and what it lacks is said by name.

use fitment_domain::look::Look;
use fitment_domain::reading::{File, LogEntry, LogPage};
use fitment_domain::simulation::{Simulated, Simulation, answer};

use crate::contract::offered::files::Metadata;
use crate::contract::offered::types::Fault;
use crate::state::RunState;

impl RunState {
    /// Returns the device that is simulated; none where the machine itself is read.
    pub(super) fn fixture(&self) -> Option<&Simulation> {
        self.simulated.as_ref()
    }
}

/// Returns one reading of a fixture in the contract's words.
pub(super) fn one<T: Clone + Into<C>, C>(simulated: &Simulated<T>, name: &str) -> Result<C, Fault> {
    answer(simulated, name).map(Into::into).map_err(Fault::from)
}

/// Returns a list of a fixture in the contract's words.
pub(super) fn many<T: Clone + Into<C>, C>(simulated: &Simulated<Vec<T>>, name: &str) -> Result<Vec<C>, Fault> {
    answer(simulated, name).map(|all| all.into_iter().map(Into::into).collect()).map_err(Fault::from)
}

/// Finds one of a list by its name.
pub(super) fn named<T: Clone + Into<C>, C>(
    simulated: &Simulated<Vec<T>>,
    list: &str,
    is_it: impl Fn(&T) -> bool,
    name: &str,
) -> Result<C, Fault> {
    let all = answer(simulated, list).map_err(Fault::from)?;
    all.into_iter().find(is_it).map(Into::into).ok_or_else(|| Fault::NotFound(name.to_owned()))
}

/// Reads a part of a simulated file.
pub(super) fn contents(device: &Simulation, path: &str, offset: u64, length: u64) -> Result<Vec<u8>, Fault> {
    let file: File = named(&device.files, "files", |file: &File| file.path == path, path)?;
    let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.contents.len());
    let rest = &file.contents.as_bytes()[from..];
    Ok(rest[..usize::try_from(length).unwrap_or(usize::MAX).min(rest.len())].to_vec())
}

/// Lists what lies directly in a simulated folder, ordered by name.
pub(super) fn folder(device: &Simulation, path: &str) -> Result<Vec<Metadata>, Fault> {
    let mut files = answer(&device.files, "files").map_err(Fault::from)?;
    files.retain(|file| file.path.rsplit_once('/').is_some_and(|(folder, _)| folder == path.trim_end_matches('/')));
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files.into_iter().map(Metadata::from).collect())
}

/// Reads the simulated log as the real one is read; a cursor is the number of entries up to it.
pub(super) fn log(device: &Simulation, look: &Look) -> Result<LogPage, Fault> {
    let Look::Logs { unit, cursor, limit } = look else {
        return Err(Fault::Invalid("a question about the log".to_owned()));
    };
    let all = answer(&device.logs, "logs").map_err(Fault::from)?;
    let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
    let of_unit = |(_, entry): &(usize, &LogEntry)| entry.unit == *unit;
    let mine: Vec<(usize, &LogEntry)> = all.iter().enumerate().filter(of_unit).collect();
    let chosen: Vec<(usize, &LogEntry)> = match cursor {
        None => mine[mine.len().saturating_sub(limit)..].to_vec(),
        Some(cursor) => {
            let unknown = |_| Fault::Invalid(format!("{cursor:?} is no cursor of the simulated log"));
            let after: usize = cursor.parse().map_err(unknown)?;
            mine.into_iter().filter(|(at, _)| *at >= after).take(limit).collect()
        }
    };
    let last = chosen.last().map(|(at, _)| (at + 1).to_string());
    let cursor = last.or_else(|| cursor.clone()).unwrap_or_else(|| all.len().to_string());
    Ok(LogPage { entries: chosen.into_iter().map(|(_, entry)| entry.clone()).collect(), cursor })
}

impl From<File> for Metadata {
    fn from(file: File) -> Self {
        Self {
            kind: file.kind.into(),
            size: file.size_bytes.unwrap_or(file.contents.len() as u64),
            path: file.path,
            modified_ms: file.modified_ms,
            changed_ms: file.changed_ms.unwrap_or(file.modified_ms),
            mode: file.mode,
            owner: file.owner,
        }
    }
}
