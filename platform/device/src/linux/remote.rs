//! Mounts whose server may be gone: `statvfs` on them can block for ever, so a thread asks, and a late one is left alone.

use std::collections::HashSet;
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::filesystems::stat;
use super::mountinfo::Mount;
use crate::filesystems::Filesystem;

/// How long all remote mounts together may take.
const WAIT_MAX: Duration = Duration::from_millis(200);
/// Threads that may be waiting for servers that are gone.
const WAITING_MAX: usize = 32;

/// Mount points whose thread has not come back: they are not asked again until it has, so threads do not pile up.
static WAITING: Mutex<Option<HashSet<String>>> = Mutex::new(None);

/// Returns whether a server, or a process, answers for this type of file system.
pub(super) fn may_hang(fstype: &str) -> bool {
    const REMOTE: &[&str] =
        &["9p", "afs", "ceph", "cifs", "glusterfs", "gfs2", "lustre", "ncpfs", "ocfs2", "smb3", "smbfs"];
    fstype.starts_with("nfs") || fstype.starts_with("fuse") || REMOTE.contains(&fstype)
}

/// Asks all of them at once and returns those that answered in time.
pub(super) fn stat_all(mounts: Vec<Mount>) -> Vec<Filesystem> {
    if mounts.is_empty() {
        return Vec::new();
    }
    let deadline = Instant::now() + WAIT_MAX;
    let (answers, answered) = mpsc::channel();
    for mount in mounts {
        ask(mount, answers.clone());
    }
    drop(answers);
    let mut filesystems = Vec::new();
    while let Ok(answer) = answered.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        filesystems.extend(answer);
    }
    filesystems
}

fn ask(mount: Mount, answers: mpsc::Sender<Option<Filesystem>>) {
    {
        let mut waiting = waiting();
        let waiting = waiting.get_or_insert_default();
        if waiting.len() >= WAITING_MAX || !waiting.insert(mount.mount.clone()) {
            return;
        }
    }
    let point = mount.mount.clone();
    let asked = std::thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
        let point = mount.mount.clone();
        let answer = stat(mount);
        forget(&point);
        // Nobody listens any more when the answer is late.
        let _ = answers.send(answer);
    });
    if asked.is_err() {
        forget(&point);
    }
}

fn forget(point: &str) {
    if let Some(waiting) = waiting().as_mut() {
        waiting.remove(point);
    }
}

fn waiting() -> MutexGuard<'static, Option<HashSet<String>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}
