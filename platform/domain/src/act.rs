//! What a script may do to a device. Each act is checked against the grant where it is asked, and again where it is done.

use serde::{Deserialize, Serialize};

use crate::capability::{Grants, Permission};
use crate::reach;
use crate::run::Fault;

/// The largest file that one act writes, in bytes.
pub const WRITE_BYTES_MAX: usize = 1024 * 1024;

/// One change of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    ControlService {
        unit: String,
        action: ServiceAction,
    },
    WriteFile {
        path: String,
        #[serde(with = "serde_bytes")]
        contents: Vec<u8>,
    },
    RemoveFile {
        path: String,
    },
}

/// What can be done to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServiceAction {
    Start,
    Stop,
    Restart,
    Reload,
    Enable,
    Disable,
}

/// What an act left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    Nothing,
    /// Bytes that the removed file held.
    Removed(u64),
}

/// Refuses an act that is outside the grants.
pub fn check(act: &Act, grants: &Grants) -> Result<(), Fault> {
    let (permission, within) = match act {
        Act::ControlService { unit, .. } => (
            Permission::ServicesControl,
            grants.scope(Permission::ServicesControl).is_some_and(|s| reach::unit_is_within(&s.units, unit)),
        ),
        Act::WriteFile { path, .. } | Act::RemoveFile { path } => (
            Permission::FilesWrite,
            grants.scope(Permission::FilesWrite).is_some_and(|s| reach::path_is_within(&s.globs, path)),
        ),
    };
    match act {
        Act::WriteFile { contents, .. } if contents.len() > WRITE_BYTES_MAX => {
            Err(Fault::Exhausted(format!("a file that is written has at most {WRITE_BYTES_MAX} bytes")))
        }
        _ if !within => Err(Fault::Denied(permission.name().to_owned())),
        _ => Ok(()),
    }
}
