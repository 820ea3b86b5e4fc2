//! Mounts from the kernel, sizes from `statvfs`.

use rustix::fs::StatVfsMountFlags;

use super::{mountinfo, remote};
use crate::Unreadable;
use crate::filesystems::Filesystem;

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// A machine with more mounts than this has containers, not disks; the rest is left out.
const MOUNTS_MAX: usize = 1024;

/// What holds no data of its own. What is not in the list and has no blocks is left out as well.
const PSEUDO: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Reads every mounted file system that holds data.
pub(crate) fn read() -> Result<Vec<Filesystem>, Unreadable> {
    let text = std::fs::read_to_string(MOUNTINFO).map_err(|source| Unreadable::Io { what: MOUNTINFO, source })?;
    let mounts = visible(mountinfo::parse(&text));
    let (remote, local): (Vec<_>, Vec<_>) = mounts.into_iter().partition(|m| remote::may_hang(&m.fstype));
    let mut filesystems: Vec<Filesystem> = local.into_iter().filter_map(stat).collect();
    filesystems.extend(remote::stat_all(remote));
    filesystems.sort_by(|left, right| left.mount.cmp(&right.mount));
    Ok(filesystems)
}

/// What was mounted last on a mount point hides what was there before.
fn visible(mounts: Vec<mountinfo::Mount>) -> Vec<mountinfo::Mount> {
    let mut seen = std::collections::HashSet::new();
    let last_first = mounts.into_iter().rev().filter(|m| seen.insert(m.mount.clone()));
    last_first.filter(|m| !PSEUDO.contains(&m.fstype.as_str())).take(MOUNTS_MAX).collect()
}

/// Asks one mount. `None`: it holds no blocks, is no directory (a bind-mounted file), or does not answer us.
pub(super) fn stat(mount: mountinfo::Mount) -> Option<Filesystem> {
    let stat = rustix::fs::statvfs(mount.mount.as_str()).ok()?;
    if stat.f_blocks == 0 || !std::path::Path::new(&mount.mount).is_dir() {
        return None;
    }
    let block_bytes = if stat.f_frsize == 0 { stat.f_bsize } else { stat.f_frsize };
    Some(Filesystem {
        total_bytes: stat.f_blocks.saturating_mul(block_bytes),
        free_bytes: stat.f_bfree.saturating_mul(block_bytes),
        available_bytes: stat.f_bavail.saturating_mul(block_bytes),
        inodes_total: stat.f_files,
        inodes_free: stat.f_ffree.min(stat.f_files),
        read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        mount: mount.mount,
        device: mount.device,
        fstype: mount.fstype,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_root_with_blocks_and_no_proc() {
        let filesystems = read().expect("mountinfo is readable");
        let root = filesystems.iter().find(|f| f.mount == "/").expect("a root");
        assert!(root.total_bytes >= root.available_bytes && root.total_bytes > 0);
        assert!(filesystems.iter().all(|f| f.fstype != "proc" && f.fstype != "sysfs"));
    }
}
