//! A disk of a few megabytes that holds the state of a program, and can be full. Only root may mount it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A small tmpfs.
pub(crate) struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one at this folder. If that is not permitted, says that the test is skipped; as root it has to work.
    pub(crate) fn mount(test: &str, folder: &Path, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let size = format!("size={mib}m,mode=0700");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).output().unwrap();
        if output.status.success() {
            return Some(Self { folder: folder.to_owned() });
        }
        let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        assert!(!root, "root could not mount a tmpfs: {}", String::from_utf8_lossy(&output.stderr));
        println!("SKIPPED: {test}: needs root to mount");
        None
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) {
        let zeros = std::fs::File::open("/dev/zero").unwrap();
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let full = std::io::copy(&mut std::io::Read::take(zeros, 1 << 30), &mut filler).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Frees it.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filled-by-a-test")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
    }
}
