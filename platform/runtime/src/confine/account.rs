//! An account of the program's own, where it was started by root.

use rustix::process::{geteuid, getuid};
use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// The account that a package or an administrator made for it.
const NAME: &str = "fitment-runner";
/// Where there is none: a number that no distribution hands out (systemd's table of numbers calls 65520 to 65533 unused), so that no
/// file and no process is its own. The account need not be listed anywhere.
const NUMBER: u32 = 65_531;

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It runs under an account that is nobody else's.
    Own,
    /// It was started by somebody who is not root, and stays with that account.
    AsStarted,
}

/// Leaves root for an account of its own, without any group. It must be called while there is one thread.
pub(super) fn leave_root() -> Result<Left, String> {
    if !getuid().is_root() && !geteuid().is_root() {
        return Ok(Left::AsStarted);
    }
    let (uid, gid) = listed(&std::fs::read_to_string("/etc/passwd").unwrap_or_default()).unwrap_or((NUMBER, NUMBER));
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let left = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    // In a container that maps few accounts the kernel knows no such number.
    left.map_err(|error| format!("account {}: {error}", uid.as_raw()))?;
    Ok(Left::Own)
}

/// Finds the account in passwd(5); root under another name is not taken.
fn listed(passwd: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find_map(|line| line.strip_prefix(NAME)?.strip_prefix(':'))?;
    let mut fields = line.split(':').skip(1);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    (uid != 0 && gid != 0).then_some((uid, gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listed_account_is_taken_unless_it_is_root() {
        let passwd = "root:x:0:0::/:/bin/sh\nfitment-runner2:x:1:1::/:/\nfitment-runner:x:990:991::/:/\n";
        assert_eq!(listed(passwd), Some((990, 991)));
        assert_eq!(listed("fitment-runner:x:0:991::/:/"), None);
        assert_eq!(listed("fitment-runner:x:990:0::/:/"), None);
        assert_eq!(listed("fitment-runner:x:990"), None);
        assert_eq!(listed("root:x:0:0::/:/bin/sh"), None);
    }
}
