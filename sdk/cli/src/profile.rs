//! Who this command line is to which marketplace: one file per profile, readable by its owner alone.

use std::env;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;

const PROFILE_BYTES_MAX: usize = 64 * 1024;

/// A sign-in. It holds a token, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Where the marketplace is, such as `https://fitment.example.com`.
    pub url: String,
    pub email: String,
    /// What the account is: publisher, msp or operator.
    pub kind: String,
    pub token: String,
    /// When the token ends, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// Returns the folder of keys and profiles: `FITMENT_HOME`, or `fitment` in the user's configuration folder.
pub fn home() -> Result<PathBuf, Failure> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("FITMENT_HOME")
        .or_else(|| folder("XDG_CONFIG_HOME").map(|config| config.join("fitment")))
        .or_else(|| folder("HOME").map(|home| home.join(".config/fitment")))
        .ok_or_else(|| Failure::environment("no folder for keys and profiles: set FITMENT_HOME, or HOME"))
}

fn path_of(name: &str) -> Result<PathBuf, Failure> {
    let ok = (1..=60).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !name.starts_with('.');
    if ok {
        Ok(home()?.join("profiles").join(format!("{name}.json")))
    } else {
        Err(Failure::environment(format!(
            "profile {name:?} must be 1 to 60 letters, digits, dots, hyphens or underscores"
        )))
    }
}

impl Profile {
    /// Reads a profile that `fitment login` wrote.
    pub fn load(name: &str) -> Result<Self, Failure> {
        let path = path_of(name)?;
        let login = format!("fitment login --url URL --email YOU@EXAMPLE.COM --profile {name}");
        if !path.exists() {
            return Err(Failure::environment(format!("profile {name:?} is not signed in: {login}")));
        }
        files::check_private(&path)?;
        let text = files::read(&path, PROFILE_BYTES_MAX)?;
        // The parser's words may quote what it read, which is a secret: only the place is said.
        serde_json::from_slice(&text).map_err(|e| {
            Failure::environment(format!(
                "{} does not read (line {}, column {}): sign in again with {login}",
                path.display(),
                e.line(),
                e.column()
            ))
        })
    }

    /// Writes the profile; replaces an earlier sign-in of that name.
    pub fn save(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = path_of(name)?;
        let json = serde_json::to_vec_pretty(self)
            .map_err(|e| Failure::environment(format!("the profile cannot be written: {e}")))?;
        files::replace_private(&path, &json)?;
        Ok(path)
    }

    /// Forgets a profile.
    pub fn remove(name: &str) -> Result<(), Failure> {
        let path = path_of(name)?;
        std::fs::remove_file(&path).map_err(|e| files::cannot("remove", &path, &e))
    }
}
