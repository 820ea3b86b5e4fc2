//! A disk that a test may fill: a small tmpfs as root, otherwise the real disk with the threshold beside today's fill.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const MIB: u64 = 1024 * 1024;

/// A file system that can be filled and freed.
pub(crate) struct Disk {
    folder: PathBuf,
    tmpfs: bool,
    /// How many bytes fill it.
    bytes: u64,
    /// With fewer bytes free it is full.
    free_min: u64,
    config: Value,
    /// As findings name it.
    pub(crate) mount: String,
}

impl Disk {
    /// Makes a disk in this folder.
    pub(crate) fn new(scratch: &Path, name: &str) -> Self {
        let folder = scratch.join(name);
        std::fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&folder).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            let mount = folder.display().to_string();
            return Self {
                folder,
                tmpfs: true,
                bytes: 15 * MIB,
                free_min: 3 * MIB,
                config: json!({ "mounts": [mount] }),
                mount,
            };
        }
        let (mount, available) = mount_of(&folder);
        let bytes = (available / 2).min(4096 * MIB);
        // The threshold lies in the middle, so that what else happens on this disk decides nothing.
        let free_min = available - bytes / 2;
        let config = json!({ "mounts": [mount], "warning_percent": 100.0, "critical_percent": 100.0,
            "critical_free_bytes": free_min });
        Self { folder, tmpfs: false, bytes, free_min, config, mount }
    }

    /// Returns the configuration of `fitment/disk-space` for it.
    pub(crate) fn config(&self) -> Value {
        self.config.clone()
    }

    /// Fills it.
    pub(crate) fn fill(&self) {
        let status = Command::new("fallocate").arg("-l").arg(self.bytes.to_string()).arg(self.file()).status().unwrap();
        assert!(status.success(), "fallocate could not fill the disk");
    }

    /// Frees it.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.file()).unwrap();
    }

    /// Returns whether it is full for the monitor while so many bytes are free.
    pub(crate) fn is_full_with(&self, free: f64) -> bool {
        free < self.free_min as f64
    }

    fn file(&self) -> PathBuf {
        self.folder.join("filled-by-a-test")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.file());
        if self.tmpfs {
            let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
        }
    }
}

fn mount_of(folder: &Path) -> (String, u64) {
    let output = Command::new("df").args(["--output=target,avail", "-B1"]).arg(folder).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut words = text.lines().nth(1).unwrap().split_whitespace();
    (words.next().unwrap().to_owned(), words.next().unwrap().parse().unwrap())
}
