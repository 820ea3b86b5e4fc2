//! The disk that fills up: a small one of our own where this account may mount, otherwise the one that is there.

use std::fs::{self, DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::calls::quoted;
use super::host::Host;
use super::state::State;
use crate::progress::Reporter;
use crate::shell;

const MIB: u64 = 1024 * 1024;
const OWN_BYTES: u64 = 16 * MIB;
const OWN_FILE_BYTES: u64 = 15 * MIB;
const FILE_BYTES_MAX: u64 = 2 * 1024 * MIB;
/// Below this, what others write in the meantime would decide.
const FREE_BYTES_MIN: u64 = 256 * MIB;

/// A file system, and the file that makes it too full.
pub(crate) struct Disk {
    /// Where it is mounted: what a finding is about.
    pub(crate) mount: String,
    /// The file that takes the space.
    file: PathBuf,
    file_bytes: u64,
    /// On which device it is, if not on this machine.
    host: Option<Host>,
    /// The limit, where the share in use says nothing about this demo.
    critical_free_bytes: Option<u64>,
}

impl Disk {
    /// Mounts a small disk whose name carries the nonce.
    pub(crate) fn mount(state: &State) -> Result<Self> {
        // Where every account may look: accessories read under one that sees nothing of root's.
        let folder = std::env::temp_dir().join(format!("fitment-disk-{}", state.nonce));
        fs::write(state.path("mounted"), folder.as_os_str().as_encoded_bytes())
            .context("cannot note the mount point")?;
        DirBuilder::new().mode(0o755).create(&folder).context("cannot make a mount point")?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={OWN_BYTES},mode=0755,nosuid,nodev,noexec"), "fitment-demo"]);
        let output = command.arg(&folder).output().context("cannot start mount")?;
        if !output.status.success() {
            fs::remove_dir(&folder).context("cannot remove a mount point")?;
            bail!("{}", String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("mount failed"));
        }
        let (mount, file) = (folder.to_string_lossy().into_owned(), folder.join("filler"));
        Ok(Self { mount, file, file_bytes: OWN_FILE_BYTES, host: None, critical_free_bytes: None })
    }

    /// Mounts such a disk on a device of its own.
    pub(crate) fn mount_on(host: &Host, state: &State) -> Result<Self> {
        let mount = format!("/srv/disk-{}", state.nonce);
        host.run(&format!(
            "mkdir {mount} && mount -t tmpfs -o size={OWN_BYTES},mode=0755,nosuid,nodev,noexec fitment-demo {mount}"
        ))?;
        let (file, host) = (PathBuf::from(&mount).join("filler"), Some(host.clone()));
        Ok(Self { mount, file, file_bytes: OWN_FILE_BYTES, host, critical_free_bytes: None })
    }

    /// Takes the disk that holds the state folder, with a limit that a file of ours will cross.
    pub(crate) fn take(state: &State) -> Result<Self> {
        let (mount, free_bytes) = file_system(state)?;
        if free_bytes < FREE_BYTES_MIN {
            bail!("{mount} has {} free, the demo needs {}: make room", size(free_bytes), size(FREE_BYTES_MIN));
        }
        let file_bytes = (free_bytes / 2).min(FILE_BYTES_MAX);
        let critical_free_bytes = Some(free_bytes - file_bytes / 2);
        Ok(Self { mount, file: state.path("filler"), file_bytes, host: None, critical_free_bytes })
    }

    /// Says what the disk is.
    pub(crate) fn what(&self) -> String {
        match self.critical_free_bytes {
            None => {
                let place = self.host.as_ref().map_or(String::new(), |host| format!(" on {}", host.name));
                format!("{}{place}, {} that are this demo's alone", self.mount, size(OWN_BYTES))
            }
            Some(limit) => {
                format!(
                    "{}, critical below {} free (this account cannot mount a disk of its own)",
                    self.mount,
                    size(limit)
                )
            }
        }
    }

    /// Returns the configuration of the monitor, as `--set` takes it.
    pub(crate) fn settings(&self) -> Vec<String> {
        let mut settings = vec![format!("mounts={}", json!([self.mount]))];
        if let Some(limit) = self.critical_free_bytes {
            settings.push(format!("critical_free_bytes={limit}"));
            // However full this disk was before: only the limit above counts.
            settings.extend(["warning_percent=100".to_owned(), "critical_percent=100".to_owned()]);
        }
        settings
    }

    /// Writes the file that takes the space.
    pub(crate) fn fill(&self, reporter: &mut Reporter) -> Result<String> {
        reporter.says(&format!("writing {}", size(self.file_bytes)));
        if let Some(host) = &self.host {
            host.run(&format!("fallocate --length {} {}", self.file_bytes, self.file.display()))?;
            return Ok(format!("{} in {} on {}", size(self.file_bytes), self.file.display(), host.name));
        }
        let mut allocate = Command::new("fallocate");
        allocate.arg("--length").arg(self.file_bytes.to_string()).arg(&self.file);
        if !allocate.output().is_ok_and(|output| output.status.success()) {
            self.write(reporter).with_context(|| format!("cannot write {}", self.file.display()))?;
        }
        Ok(format!("{} in {}", size(self.file_bytes), self.file.display()))
    }

    /// For file systems that cannot allocate at once. Random bytes, because some file systems make zeros small.
    fn write(&self, reporter: &mut Reporter) -> Result<()> {
        let mut chunk = Vec::new();
        File::open("/dev/urandom")?.take(MIB).read_to_end(&mut chunk)?;
        let mut file = File::create(&self.file)?;
        for written in 0..self.file_bytes / MIB {
            reporter.says(&format!("{written} of {} MiB", self.file_bytes / MIB));
            file.write_all(&chunk)?;
        }
        Ok(file.sync_data()?)
    }

    /// Returns what a person types to give the space back.
    pub(crate) fn free_by_hand(&self) -> String {
        let remove = format!("rm {}", quoted(&self.file.to_string_lossy()));
        self.host.as_ref().map_or(remove.clone(), |host| host.by_hand(&remove))
    }

    /// Gives the space back.
    pub(crate) fn free(&self) -> Result<()> {
        if let Some(host) = &self.host {
            return host.run(&format!("rm {}", self.file.display())).map(|_| ());
        }
        fs::remove_file(&self.file).with_context(|| format!("cannot remove {}", self.file.display()))
    }
}

/// Returns the mount point of the file system that holds the folder, and what is free on it.
fn file_system(state: &State) -> Result<(String, u64)> {
    let text = shell::answer("df", &["-P", "-k", &state.root.to_string_lossy()]);
    text.as_deref().and_then(parse_df).context("`df -P -k` does not say on which file system the state folder lies")
}

fn parse_df(text: &str) -> Option<(String, u64)> {
    let line = text.lines().nth(1)?;
    // A mount point may hold blanks: it is what follows the share in use.
    let (before, mount) = line.split_once("% ")?;
    let free_kib: u64 = before.split_whitespace().rev().nth(1)?.parse().ok()?;
    Some((mount.trim_start().to_owned(), free_kib * 1024))
}

fn size(bytes: u64) -> String {
    const GIB: u64 = 1024 * MIB;
    if bytes >= GIB {
        format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn df_names_the_mount_and_its_free_space() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 40 60 40% /srv/my disk";
        assert_eq!(parse_df(text), Some(("/srv/my disk".to_owned(), 60 * 1024)));
    }

    #[test]
    fn sizes_are_cut_and_not_rounded() {
        assert_eq!((size(15 * MIB), size(1024 * MIB * 5 / 2 - 1)), ("15 MiB".to_owned(), "2.4 GiB".to_owned()));
    }
}
