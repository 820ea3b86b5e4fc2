//! Where things are: the checkout, the build output, the caches.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// Names the folders that every task works in.
pub(crate) struct Workspace {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// What outlives a checkout: built tools, and in CI the build output.
    pub(crate) cache: PathBuf,
    /// Whether the environment says CI: skipped tests fail, the lock file is final, nobody is asked anything.
    pub(crate) ci: bool,
}

impl Workspace {
    /// Finds the workspace from the variables that `cargo run` sets.
    pub(crate) fn find() -> Result<Self> {
        let package =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root =
            package.ancestors().nth(2).context("this program does not stand in tests/dev of a checkout")?.to_path_buf();
        let cache = match env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => {
                PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
            }
        };
        let ci = env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
            Some(folder) => root.join(folder),
            // A fresh clone per run would otherwise build every dependency again.
            None if ci => cache.join("fitment-ci/target"),
            None => root.join("target"),
        };
        Ok(Self { root, target, cache, ci })
    }

    /// Returns a cargo command in this workspace, as if a person had typed it.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Returns a command in this workspace without the variables that `cargo run` added for this program.
    ///
    /// Build scripts name some of them in `rerun-if-env-changed`: left in, ring would be built anew on every change of caller.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_PRIMARY_PACKAGE"
            {
                command.env_remove(&name);
            }
        }
        command
    }

    /// Returns where a program of ours lies after a debug build.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// Returns the folder for what long commands said, made when missing.
    pub(crate) fn logs(&self) -> Result<PathBuf> {
        let folder = self.target.join("fitment-dev");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// Returns the accessories of the catalogue: each folder that holds a package.
    pub(crate) fn accessories(&self) -> Result<Vec<PathBuf>> {
        let folder = self.root.join("accessories");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.join("Cargo.toml").is_file() {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns a number that is another one with every commit.
    pub(crate) fn number(&self) -> usize {
        usize::from_str_radix(&self.commit().chars().take(6).collect::<String>(), 16).unwrap_or(0)
    }

    /// Returns the commit that is checked out, with `+changes` when the work tree differs from it.
    pub(crate) fn commit(&self) -> String {
        let git = |arguments: &[&str]| {
            let output = self.command("git").args(arguments).output().ok().filter(|output| output.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
            return "no commit".to_owned();
        };
        match git(&["status", "--porcelain", "--untracked-files=no"]) {
            Some(changes) if changes.is_empty() => commit,
            _ => format!("{commit}+changes"),
        }
    }
}

/// Returns the path of `file` as it is said to people: relative to the checkout where possible.
pub(crate) fn shown<'a>(workspace: &Workspace, file: &'a Path) -> std::path::Display<'a> {
    file.strip_prefix(&workspace.root).unwrap_or(file).display()
}
