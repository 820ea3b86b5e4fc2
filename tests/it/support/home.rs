//! A home of the command line: keys and profiles of several people, and the folder they work in.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::programs::{guest_cargo, program};

/// A home of the command line.
pub(crate) struct Home {
    folder: PathBuf,
    works_in: PathBuf,
    /// Where cargo builds.
    target: Option<PathBuf>,
}

impl Home {
    /// Makes one in a folder, which commands run in as well.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.join("home"), works_in: folder.to_owned(), target: None }
    }

    /// Returns the same home for work in another folder.
    pub(crate) fn in_folder(&self, folder: &Path) -> Self {
        Self { folder: self.folder.clone(), works_in: folder.to_owned(), target: self.target.clone() }
    }

    /// Returns the same home, where cargo keeps what it compiles in this folder.
    pub(crate) fn with_target(mut self, target: &Path) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// Returns the folder that commands run in.
    pub(crate) fn works_in(&self) -> &Path {
        &self.works_in
    }

    /// Returns the folder of keys and profiles.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `fitment` as somebody.
    pub(crate) fn run(&self, profile: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(program("fitment"));
        command
            .env("FITMENT_HOME", &self.folder)
            .current_dir(&self.works_in)
            .args(["--profile", profile])
            .args(arguments);
        if let Some(target) = &self.target {
            command.env("CARGO_TARGET_DIR", target);
        }
        if let Some(cargo) = guest_cargo() {
            command.env("CARGO", cargo);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that ends without reading it closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs what must end well, and returns what it printed.
    #[track_caller]
    pub(crate) fn ok(&self, profile: &str, arguments: &[&str]) -> String {
        let output = self.run(profile, arguments, "");
        assert!(output.status.success(), "fitment {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must end well with `--json`.
    #[track_caller]
    pub(crate) fn json(&self, profile: &str, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(profile, &[&["--json"], arguments].concat())).unwrap()
    }

    /// Runs what must end with this code, and checks that it says why.
    #[track_caller]
    pub(crate) fn ends(&self, profile: &str, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(profile, arguments, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "fitment {arguments:?}: {said}");
        assert!(said.contains(words), "fitment {arguments:?}: no {words:?} in {said}");
    }
}
